import { expect } from 'chai';
import { IntegrationProvider, MappingEntityType } from '../../../src/connectors/index.js';
import { type Listening, listenOn } from '../../support/listen.js';
import {
  MoodleSimulator,
  type MoodleSimulatorOptions,
  makeMoodleSchool,
} from '../../support/moodle/index.js';
import { newIntegration, sharedServices } from '../../support/services.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
const open: Listening[] = [];

after(() => Promise.all(open.map((server) => server.close())));

async function moodleSchool(options: Partial<MoodleSimulatorOptions> = {}, config: object = {}) {
  const school = { ...makeMoodleSchool({ courses: 3, students: 30, coursesPerStudent: 2 }), ...options };
  const moodle = new MoodleSimulator(school);
  const server = await listenOn(moodle.handle);
  open.push(server);
  const integration = await newIntegration(
    IntegrationProvider.MOODLE,
    { apiUrl: `${server.url}/aula/virtual`, ...config },
    { wsToken: moodle.token },
  );
  const { integrationService } = await sharedServices();
  const sync = (entityType: MappingEntityType) =>
    integrationService.syncData(integration.integrationId, entityType);
  const issues = async (runId: string) =>
    (await integrationService.listSyncIssues(integration.integrationId, runId)).items.map(({ rule }) => rule);
  const test = () => integrationService.testConnection(integration.integrationId);
  return { ...school, ...integration, moodle, sync, issues, test };
}

const called = (moodle: MoodleSimulator, name: string) =>
  moodle.calls.filter(({ wsfunction }) => wsfunction === name);

describe('Moodle as a source', () => {
  it('brings courses without the site, groups, teachers and students, each person once', async () => {
    const { sync, institutionId, courses } = await moodleSchool();
    const { rosterService } = await sharedServices();
    expect((await sync(COURSE)).counts).to.deep.include({ read: 3, created: 3, failed: 0 });
    expect((await sync(TEACHER)).counts).to.deep.include({ read: 3, created: 3, failed: 0 });
    const groups = await sync(GROUP);
    expect(groups.counts).to.deep.include({ read: 6, created: 6, failed: 0 });
    const students = await sync(STUDENT);
    expect(students.counts).to.deep.include({ read: 30, created: 30, failed: 0 });
    // Each student is in two courses, and in each in one group.
    expect(students.membershipCounts).to.deep.include({ read: 60, created: 60, failed: 0 });
    const found = (await rosterService.listCourses({ institutionId })).items;
    expect(found.map(({ name }) => name)).to.have.members(courses.map(({ fullname }) => fullname));
    const [group] = (await rosterService.listGroups({ institutionId })).items;
    expect(found.map(({ id }) => id)).to.include(group?.courseId);
    expect((await sync(STUDENT)).counts).to.deep.include({ created: 0, updated: 0, unchanged: 30 });
  });

  it('a sync of everything reads courses and their people once', async () => {
    const { moodle, integrationId, sync } = await moodleSchool();
    const { integrationService } = await sharedServices();
    const { success, parts } = await integrationService.syncData(integrationId);
    expect([success, parts.map(({ counts }) => counts.created)]).to.deep.equal([true, [3, 3, 6, 30]]);
    const reads = () =>
      ['core_course_get_courses', 'core_enrol_get_enrolled_users'].map((name) => called(moodle, name).length);
    const [courses, people] = reads();
    expect(courses).to.equal(1);
    await sync(STUDENT);
    expect(reads(), 'as many as a sync of the students alone').to.deep.equal([2, 2 * (people as number)]);
  });

  it('one person may be a student and a teacher', async () => {
    const school = makeMoodleSchool({ courses: 2, students: 4 });
    const teacher = school.courses[0]?.enrolments[0];
    school.courses[1]?.enrolments.push({ userId: teacher?.userId as number, roles: ['student'] });
    const { sync } = await moodleSchool(school);
    expect((await sync(TEACHER)).counts.created).to.equal(2);
    expect((await sync(STUDENT)).counts.created).to.equal(5);
  });

  it('names of courses and groups are decoded, names of people are left as they are', async () => {
    const { sync, institutionId, courses, users } = await moodleSchool();
    const course = courses[0];
    const user = users.at(-1);
    if (!course || !user) throw new Error('an empty school');
    course.fullname = 'Química & Física <II> "A"';
    user.lastname = 'Tom &amp; Jerry';
    await sync(COURSE);
    await sync(STUDENT);
    const { rosterService } = await sharedServices();
    const names = (await rosterService.listCourses({ institutionId })).items.map(({ name }) => name);
    expect(names).to.include('Química & Física <II> "A"');
    const people = (await rosterService.listStudents({ institutionId })).items.map(
      ({ familyName }) => familyName,
    );
    expect(people).to.include('Tom &amp; Jerry');
  });

  it('a suspended account is inactive, and active again when it is no longer suspended', async () => {
    const { sync, institutionId, users } = await moodleSchool();
    const { rosterService } = await sharedServices();
    const user = users.at(-1);
    if (!user) throw new Error('an empty school');
    user.suspended = true;
    await sync(STUDENT);
    const inactive = async () =>
      (await rosterService.listStudents({ institutionId })).items.filter(({ active }) => !active);
    expect((await inactive()).map(({ code }) => code)).to.deep.equal([user.idnumber]);
    user.suspended = false;
    expect((await sync(STUDENT)).counts).to.deep.include({ updated: 1, unchanged: 29 });
    expect(await inactive()).to.deep.equal([]);
  });

  it('asks for suspensions in lists of 200: PHP cuts longer ones off and says nothing', async () => {
    const { sync, moodle } = await moodleSchool(makeMoodleSchool({ courses: 2, students: 450 }));
    expect((await sync(STUDENT)).counts.created).to.equal(450);
    const lists = called(moodle, 'core_user_get_users_by_field').map(
      ({ params }) => Object.keys(params.values as object).length,
    );
    expect(lists.sort()).to.deep.equal([200, 200, 50].sort());
  });

  it('reads on past short and empty pages: rows are dropped after the limit, silently', async () => {
    const school = makeMoodleSchool({ courses: 1, students: 40 });
    const { sync, moodle } = await moodleSchool(school, { pageSize: 5 });
    // A whole page of people that the caller may not see, and a part of another.
    for (const { id } of school.users.slice(10, 17)) moodle.vices.hideUsersFrom.add(id);
    expect((await sync(STUDENT)).counts).to.deep.include({ read: 33, created: 33 });
  });

  it('reads page after page, and all of them', async () => {
    const { sync, moodle } = await moodleSchool(makeMoodleSchool({ courses: 1, students: 23 }), {
      pageSize: 5,
    });
    expect((await sync(STUDENT)).counts.created).to.equal(23);
    const from = called(moodle, 'core_enrol_get_enrolled_users').map(({ params }) => JSON.stringify(params));
    expect(new Set(from).size).to.equal(from.length);
  });

  it('one course that may not be entered fails the whole call: the other call is taken', async () => {
    const { sync, moodle, issues } = await moodleSchool();
    moodle.vices.inaccessibleCourses.add(2);
    const courses = await sync(COURSE);
    expect(courses.success).to.equal(true);
    expect(called(moodle, 'core_course_get_courses_by_field')).to.have.length(1);
    expect(courses.counts.read).to.equal(2);
    const students = await sync(STUDENT);
    expect(students.success).to.equal(true);
    expect(students.counts.read).to.equal(30);
    expect(await issues(students.runId)).to.deep.equal(['groups.none']);
  });

  it('the people of a course that may not be entered are a warning, not a failure', async () => {
    const { sync, moodle, issues } = await moodleSchool(makeMoodleSchool({ courses: 2, students: 6 }));
    await sync(COURSE);
    moodle.vices.withoutCapability.add('core_enrol_get_enrolled_users');
    const report = await sync(STUDENT);
    expect(report.success).to.equal(true);
    expect(await issues(report.runId)).to.deep.equal(['course.unreadable', 'course.unreadable']);
  });

  it('of such a reading nobody is taken for gone', async () => {
    const { sync, moodle } = await moodleSchool(makeMoodleSchool({ courses: 20, students: 60 }));
    await sync(COURSE);
    await sync(STUDENT);
    moodle.vices.inaccessibleCourses.add(2);
    for (const turn of [1, 2, 3]) {
      const report = await sync(STUDENT);
      expect(report.counts, `turn ${turn}`).to.deep.include({ deactivated: 0 });
      expect(report.gaps, `turn ${turn}`).to.have.length(1);
    }
    moodle.vices.inaccessibleCourses.clear();
    expect((await sync(STUDENT)).counts).to.deep.include({ unchanged: 60, updated: 0, missing: 0 });
  });

  it('without the function that tells suspensions everybody is active, with one warning', async () => {
    const { sync, moodle, issues } = await moodleSchool();
    await sync(GROUP);
    moodle.vices.withoutCapability.add('core_user_get_users_by_field');
    const report = await sync(STUDENT);
    expect(report.counts.created).to.equal(30);
    expect(await issues(report.runId)).to.deep.equal(['suspension.unknown']);
  });

  it('reads only the courses of the filter', async () => {
    const { sync, courses } = await moodleSchool({}, { courseFilter: { ids: [2, 3], hidden: false } });
    const hidden = courses.find(({ id }) => id === 3);
    if (hidden) hidden.visible = false;
    expect((await sync(COURSE)).counts.read).to.equal(1);
  });

  it('takes the configured role names', async () => {
    const school = makeMoodleSchool({ courses: 1, students: 3 });
    for (const enrolment of school.courses[0]?.enrolments ?? []) {
      if (enrolment.roles.includes('student')) enrolment.roles = ['alumno'];
    }
    const { sync } = await moodleSchool(school, { roles: { student: ['alumno'] } });
    expect((await sync(STUDENT)).counts.created).to.equal(3);
  });

  it('a hidden ID number leaves the code that is there', async () => {
    const { sync, moodle, institutionId } = await moodleSchool();
    const { rosterService } = await sharedServices();
    await sync(STUDENT);
    moodle.vices.hideIdnumber = true;
    await sync(STUDENT);
    const codes = (await rosterService.listStudents({ institutionId })).items.map(({ code }) => code);
    expect(codes).to.not.include(null);
  });
});

describe('a connection test of Moodle', () => {
  it('tells the site, its release, the user, and what can be read', async () => {
    const { test } = await moodleSchool({ siteName: 'Aula San Martín' });
    const { success, checks } = await test();
    expect(checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(success).to.equal(true);
    expect(checks[0]?.message).to.match(/Aula San Martín, Moodle 4\.5\.6/);
    expect(checks.map(({ name }) => name)).to.deep.equal([
      'site',
      'functions',
      'courses',
      'people',
      'suspension',
      'attendance functions',
      'attendance',
    ]);
  });

  it('names the functions that are missing', async () => {
    const functions = [
      'core_webservice_get_site_info',
      'core_course_get_courses',
      'core_enrol_get_enrolled_users',
    ];
    const { test } = await moodleSchool({ functions });
    const { success, message, checks } = await test();
    expect(success).to.equal(false);
    expect(message).to.match(/lacks core_user_get_users_by_field, which the roster needs/);
    const attendance = checks.find(({ name }) => name === 'attendance functions');
    expect(attendance?.details?.missing).to.include('mod_attendance_update_user_status');
  });

  it('tries what the user may do: capabilities are not listed', async () => {
    const { test, moodle } = await moodleSchool();
    moodle.vices.withoutCapability.add('mod_attendance_get_sessions');
    moodle.vices.hideIdnumber = true;
    const { success, checks } = await test();
    expect(success).to.equal(true);
    expect(checks.find(({ name }) => name === 'attendance')).to.deep.include({ ok: false });
    expect(checks.find(({ name }) => name === 'people')?.message).to.match(/viewuseridentity/);
  });

  it('calls the configured function', async () => {
    const { test, moodle } = await moodleSchool({}, { wsFunction: 'core_course_get_courses' });
    await test();
    expect(moodle.calls[0]?.wsfunction).to.equal('core_course_get_courses');
  });
});

describe('a Moodle that does not want', () => {
  const CASES: [what: string, arrange: (moodle: MoodleSimulator) => unknown, message: RegExp][] = [
    [
      'a bad token',
      (m) => Object.assign(m.vices, { tokenState: 'invalid' }),
      /refused the token \(invalidtoken\)\. Create a new one under Site administration/,
    ],
    [
      'a suspended user',
      (m) => Object.assign(m.vices, { userSuspended: true }),
      /suspended \(wsaccessusersuspended\)/,
    ],
    [
      'maintenance',
      (m) => Object.assign(m.vices, { maintenance: 'setting' }),
      /under maintenance \(sitemaintenance\)/,
    ],
    [
      'maintenance from the command line',
      (m) => Object.assign(m.vices, { maintenance: 'cli' }),
      /maintenance or overloaded \(503\)/,
    ],
    ['no database', (m) => Object.assign(m.vices, { databaseDown: true }), /lost its database/],
    ['web services that are off', (m) => Object.assign(m.vices, { webServicesOff: true }), /switched off/],
    [
      'another address',
      (m) => Object.assign(m.vices, { redirectTo: 'https://aula.example' }),
      /wants to be called as https:\/\/aula\.example.*config\.apiUrl/,
    ],
    [
      'a fatal error without errorcode',
      (m) => m.vices.fatal.add('core_webservice_get_site_info'),
      /Moodle itself failed in core_webservice_get_site_info/,
    ],
    [
      'no capability',
      (m) => m.vices.withoutCapability.add('core_webservice_get_site_info'),
      /lacks a capability|may not enter/,
    ],
  ];
  for (const [what, arrange, message] of CASES) {
    it(`${what}: the sentence says so, and what to do`, async () => {
      const { test, moodle } = await moodleSchool({}, { timeout: 5_000 });
      arrange(moodle);
      const report = await test();
      expect(report.success).to.equal(false);
      expect(report.message).to.match(message).and.not.contain(moodle.token);
    });
  }

  it('a token that expires in the middle stops the run, and nothing is lost', async () => {
    const { sync, moodle, institutionId } = await moodleSchool();
    const { rosterService } = await sharedServices();
    await sync(STUDENT);
    moodle.vices.tokenState = 'expired';
    const report = await sync(STUDENT);
    expect(report.success).to.equal(false);
    expect(report.errors[0]).to.match(/accessexception|invalidtoken/);
    expect((await rosterService.listStudents({ institutionId })).items).to.have.length(30);
  });
});
