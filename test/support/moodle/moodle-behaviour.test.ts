import { expect } from 'chai';
import { MoodleSimulator, makeMoodleSchool } from './index.js';
import { type OpenMoodle, openMoodle, sessionOf, smallSchool } from './test-site.js';

describe('the Moodle simulator behaves as Moodle', () => {
  let opened: OpenMoodle | undefined;
  afterEach(() => opened?.close());

  async function open(moodle: MoodleSimulator, folder?: string): Promise<OpenMoodle['call']> {
    opened = await openMoodle(moodle, folder);
    return opened.call;
  }

  it('decodes PHP parameters into nested ones and keeps the token out of the record', async () => {
    const moodle = new MoodleSimulator(smallSchool());
    const call = await open(moodle, '/campus/moodle');
    const info = await call('core_webservice_get_site_info');
    expect(((await info.json()) as { siteurl: string }).siteurl).to.match(
      /^http:\/\/127\.0\.0\.1:\d+\/campus\/moodle$/,
    );
    await call('core_user_get_users_by_field', { field: 'id', 'values[0]': '41', 'values[1]': '42' });
    await call('core_course_get_courses', { 'options[ids][]': '12' });
    await call('core_enrol_get_enrolled_users', {
      courseid: '12',
      'options[0][name]': 'userfields',
      'options[0][value]': 'id',
    });
    expect(moodle.calls).to.deep.equal([
      { wsfunction: 'core_webservice_get_site_info', params: {} },
      { wsfunction: 'core_user_get_users_by_field', params: { field: 'id', values: ['41', '42'] } },
      { wsfunction: 'core_course_get_courses', params: { options: { ids: ['12'] } } },
      {
        wsfunction: 'core_enrol_get_enrolled_users',
        params: { courseid: '12', options: [{ name: 'userfields', value: 'id' }] },
      },
    ]);
    expect(JSON.stringify(moodle.calls)).not.to.include(moodle.token);
  });

  it('takes neither a JSON body nor an Authorization header, and answers an unknown path with 404', async () => {
    const moodle = new MoodleSimulator(smallSchool());
    await open(moodle);
    const url = String(opened?.url);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${moodle.token}` };
    const response = await fetch(`${url}?wsfunction=core_course_get_courses&moodlewsrestformat=json`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ wstoken: moodle.token }),
    });
    expect(await errorcodeOf(response)).to.equal('invalidtoken');
    const elsewhere = await fetch(url.replace('server.php', 'other.php'), { method: 'POST' });
    expect([elsewhere.status, await elsewhere.text()]).to.deep.equal([404, 'File not found.\n']);
  });

  it('answers XML when JSON was not asked for', async () => {
    const call = await open(new MoodleSimulator(smallSchool()));
    const info = await call('core_webservice_get_site_info', {}, { moodlewsrestformat: '' });
    expect(info.headers.get('content-type')).to.equal('application/xml; charset=utf-8');
    expect(await info.text()).to.include(
      '<RESPONSE>\n<SINGLE>\n<KEY name="sitename"><VALUE>Simulated Moodle</VALUE>\n</KEY>',
    );
    const refused = await call(
      'core_webservice_get_site_info',
      {},
      { wstoken: 'zz', moodlewsrestformat: 'yaml' },
    );
    expect(await refused.text()).to.include('<ERRORCODE>invalidtoken</ERRORCODE>');
  });

  it('sends the pages of the situations that are no web service answer', async () => {
    const moodle = new MoodleSimulator(smallSchool());
    const call = await open(moodle, '/aula');
    moodle.vices.maintenance = 'cli';
    const closed = await call('core_course_get_courses');
    expect(closed.headers.get('retry-after')).to.equal('300');
    expect(await closed.text()).to.match(/^<!DOCTYPE html>/);
    moodle.vices.maintenance = false;
    moodle.vices.redirectTo = 'https://moodle.example';
    const moved = await call('core_course_get_courses');
    expect(moved.headers.get('location')).to.equal('https://moodle.example/aula/webservice/rest/server.php');
    moodle.vices.redirectTo = undefined;
    moodle.vices.webServicesOff = true;
    expect(await (await call('core_course_get_courses')).text()).to.equal('');
  });

  it('calls an expired token expired once, and a bad token bad even during maintenance', async () => {
    const moodle = new MoodleSimulator(smallSchool());
    const call = await open(moodle);
    moodle.vices.maintenance = 'setting';
    expect(await errorcodeOf(await call('core_course_get_courses', {}, { wstoken: 'zz' }))).to.equal(
      'invalidtoken',
    );
    expect(await errorcodeOf(await call('core_course_get_courses'))).to.equal('sitemaintenance');
    moodle.vices.tokenState = 'expired';
    expect(await errorcodeOf(await call('core_course_get_courses'))).to.equal('accessexception');
    expect(await errorcodeOf(await call('core_course_get_courses'))).to.equal('invalidtoken');
  });

  it('cuts the page first and then drops hidden people, silently', async () => {
    const moodle = new MoodleSimulator(makeMoodleSchool({ courses: 1, students: 9 }));
    const call = await open(moodle);
    const everyone = await page(call, 0, 0);
    for (const id of everyone.slice(2, 7)) {
      moodle.vices.hideUsersFrom.add(id);
    }
    const pages = [
      await page(call, 0, 3),
      await page(call, 3, 3),
      await page(call, 6, 3),
      await page(call, 9, 3),
    ];
    expect(pages).to.deep.equal([everyone.slice(0, 2), [], everyone.slice(7, 9), everyone.slice(9)]);
    const found = await call('core_user_get_users_by_field', {
      field: 'id',
      'values[0]': String(everyone[2]),
    });
    expect(await found.json()).to.deep.equal([]);
  });

  it('drops the values after the thousandth without a word', async () => {
    const moodle = new MoodleSimulator(makeMoodleSchool({ courses: 1, students: 1005 }));
    const call = await open(moodle);
    const ids = (await page(call, 0, 0)).map((id, index) => [`values[${index}]`, String(id)]);
    const found = await call('core_user_get_users_by_field', { field: 'id', ...Object.fromEntries(ids) });
    expect(await found.json()).to.have.length(1000);
  });

  it('lists a suspended account among the active ones, as Moodle does', async () => {
    const call = await open(new MoodleSimulator(smallSchool()));
    const options = {
      'options[0][name]': 'onlyactive',
      'options[0][value]': '1',
      ...userfields(1, 'id,suspended'),
    };
    const rows = await (await call('core_enrol_get_enrolled_users', { courseid: '12', ...options })).json();
    expect(rows).to.deep.include({ id: 42, fullname: 'Inés Ocampo' });
  });

  it('leaves inaccessible courses out of a search', async () => {
    const moodle = new MoodleSimulator(smallSchool());
    moodle.vices.inaccessibleCourses.add(13);
    const call = await open(moodle);
    const { courses } = (await (await call('core_course_get_courses_by_field')).json()) as {
      courses: { id: number }[];
    };
    expect(courses.map(({ id }) => id)).to.deep.equal([1, 12]);
  });

  it('escapes the names of courses and groups, and not those of people', async () => {
    const call = await open(new MoodleSimulator(smallSchool()));
    const options = userfields(0, 'lastname,groups,enrolledcourses');
    const rows = await (await call('core_enrol_get_enrolled_users', { courseid: '12', ...options })).json();
    expect(JSON.stringify(rows))
      .to.include('Coro &lt;1&gt; &amp; Danza')
      .and.include('Tarde &amp; Noche')
      .and.include('"O\'Ryan & Sosa"');
  });

  it('makes a second session of the same call, and one mark a person however often it is sent', async () => {
    const moodle = new MoodleSimulator(smallSchool());
    const call = await open(moodle);
    const session = {
      attendanceid: '7',
      description: 'mark <1>',
      sessiontime: '1773650000',
      duration: '2700',
    };
    expect(await (await call('mod_attendance_add_session', session)).json()).to.deep.equal({ sessionid: 1 });
    expect(await (await call('mod_attendance_add_session', session)).json()).to.deep.equal({ sessionid: 2 });
    for (const statusid of ['29', '29', '30']) {
      await call('mod_attendance_update_user_status', {
        sessionid: '2',
        studentid: '41',
        takenbyid: '3',
        statusid,
        statusset: '0',
      });
    }
    const [first, second] = (await (
      await call('mod_attendance_get_sessions', { attendanceid: '7' })
    ).json()) as SessionRow[];
    expect(first).to.deep.include({ id: 1, attendance_log: [], lasttaken: null, description: 'mark <1>' });
    expect(second?.attendance_log).to.deep.equal([{ studentid: 41, statusid: '30', remarks: null, id: '1' }]);
    expect(second?.lasttakenby).to.equal(3);
    expect(moodle.sessions.get(2)?.log.get(41)?.statusid).to.equal('30');
  });

  it('forgets a deleted session with its marks, answers as for one that never was, and gives its id to no other', async () => {
    const moodle = new MoodleSimulator(smallSchool());
    const call = await open(moodle);
    const session = { attendanceid: '7', sessiontime: '1773650000', duration: '2700' };
    await call('mod_attendance_add_session', session);
    const mark = { sessionid: '1', studentid: '41', takenbyid: '3', statusid: '29', statusset: '0' };
    await call('mod_attendance_update_user_status', mark);
    moodle.deleteSession(1);
    expect(await (await call('mod_attendance_get_sessions', { attendanceid: '7' })).json()).to.deep.equal([]);
    expect(await errorcodeOf(await call('mod_attendance_get_session', { sessionid: '1' }))).to.equal(
      'invalidrecord',
    );
    expect(await errorcodeOf(await call('mod_attendance_update_user_status', mark))).to.equal(
      'invalidrecord',
    );
    expect(await (await call('mod_attendance_add_session', session)).json()).to.deep.equal({ sessionid: 2 });
    expect(() => moodle.deleteSession(1)).to.throw();
  });

  it("shows only the visible statuses of the session's own set", async () => {
    const status = (id: number, acronym: string, setnumber: number) => ({
      id,
      acronym,
      description: acronym,
      setnumber,
    });
    const gone = { ...status(83, 'X', 1), deleted: 1 };
    const statuses = [status(80, 'P', 0), status(82, 'A', 1), status(81, 'P', 1), gone];
    const { courses, users } = smallSchool();
    courses[0]?.attendance?.push({ id: 10, statuses });
    const moodle = new MoodleSimulator({ courses, users });
    moodle.sessions.set(5, { ...sessionOf(5, 0), attendanceid: 10, statusset: 1 });
    const call = await open(moodle);
    const session = (await (
      await call('mod_attendance_get_session', { sessionid: '5' })
    ).json()) as SessionRow;
    expect(session.statuses.map(({ id }) => id)).to.deep.equal([81, 82]);
  });

  it('waits before each answer when told to', async () => {
    const call = await open(new MoodleSimulator({ ...smallSchool(), latencyMs: 40 }));
    const before = performance.now();
    await call('core_course_get_courses');
    expect(performance.now() - before).to.be.at.least(35);
  });

  it('builds the same school twice, spread evenly', () => {
    const numbers = { courses: 4, students: 10, coursesPerStudent: 2, teachers: 2 };
    const { courses, users } = makeMoodleSchool(numbers);
    expect(makeMoodleSchool(numbers)).to.deep.equal({ courses, users });
    expect(users).to.have.length(12);
    expect(courses.map((course) => course.enrolments.length - 1)).to.deep.equal([5, 6, 5, 4]);
    expect(new Set(courses.flatMap((course) => course.groups?.map(({ id }) => id))).size).to.equal(8);
    expect(courses.every((course) => course.attendance?.length === 1)).to.equal(true);
  });
});

type SessionRow = { attendance_log: unknown[]; lasttakenby: number; statuses: { id: number }[] };

async function page(call: OpenMoodle['call'], from: number, count: number): Promise<number[]> {
  const limits = {
    'options[0][name]': 'limitfrom',
    'options[0][value]': String(from),
    'options[1][name]': 'limitnumber',
  };
  const params = { courseid: '2', ...limits, 'options[1][value]': String(count), ...userfields(2, 'id') };
  const rows = (await (await call('core_enrol_get_enrolled_users', params)).json()) as { id: number }[];
  return rows.map(({ id }) => id);
}

function userfields(index: number, fields: string): Record<string, string> {
  return { [`options[${index}][name]`]: 'userfields', [`options[${index}][value]`]: fields };
}

async function errorcodeOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { errorcode?: string }).errorcode;
}
