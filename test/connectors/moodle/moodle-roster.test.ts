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

/** The ids of each call that asked whether accounts are suspended. */
const askedAbout = (moodle: MoodleSimulator) =>
  called(moodle, 'core_user_get_users_by_field').map(({ params }) => Object.values(params.values as object));

const NOBODY_READABLE: [what: string, arrange: (moodle: MoodleSimulator) => unknown, sentence: RegExp][] = [
  [
    'a token that may read nobody',
    ({ vices }) => {
      for (let id = 1; id < 100; id++) vices.hideUsersFrom.add(id);
    },
    /Not one person of 3 courses of Moodle can be read.*moodle\/user:viewdetails/,
  ],
  [
    'no list of participants at all',
    ({ vices }) => vices.withoutCapability.add('core_enrol_get_enrolled_users'),
    /no list of participants.*moodle\/course:viewparticipants/,
  ],
];

const NO_SUSPENSIONS: [what: string, arrange: (moodle: MoodleSimulator) => unknown][] = [
  [
    'with the function that tells suspensions refused',
    ({ vices }) => vices.withoutCapability.add('core_user_get_users_by_field'),
  ],
  [
    'with the function that tells suspensions gone',
    ({ vices }) => vices.unknownFunctions.add('core_user_get_users_by_field'),
  ],
];

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
    const { sync, institutionId, users } = await moodleSchool({}, { suspensionHours: 0 });
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

  it('asks for suspensions in lists of 500: PHP cuts those of more than 1000 off and says nothing', async () => {
    const { sync, moodle } = await moodleSchool(makeMoodleSchool({ courses: 2, students: 1_050 }));
    expect((await sync(STUDENT)).counts.created).to.equal(1_050);
    expect(askedAbout(moodle).map((ids) => ids.length)).to.have.members([500, 500, 50]);
  });

  it('asks nobody anew whether the account is suspended while the row is unchanged and it was told lately', async () => {
    const { sync, moodle, users, integrationId } = await moodleSchool();
    const { integrationService } = await sharedServices();
    await integrationService.syncData(integrationId);
    expect(askedAbout(moodle).flat(), 'each person once').to.have.length(33);
    moodle.calls.length = 0;
    const [changed] = users.slice(-1);
    if (!changed) throw new Error('an empty school');
    changed.lastname = 'Renamed';
    expect((await integrationService.syncData(integrationId)).success).to.equal(true);
    expect(askedAbout(moodle).flat()).to.deep.equal([String(changed.id)]);
    moodle.calls.length = 0;
    expect((await sync(STUDENT)).counts).to.deep.include({ unchanged: 30 });
    expect(askedAbout(moodle)).to.deep.equal([]);
  });

  it('reads on past short and empty pages: rows are dropped after the limit, silently', async () => {
    const school = makeMoodleSchool({ courses: 1, students: 80 });
    const { sync, moodle, issues } = await moodleSchool(school, { pageSize: 5 });
    // Many whole pages of people that the caller may not see, and a part of another.
    for (const { id } of school.users.slice(10, 57)) moodle.vices.hideUsersFrom.add(id);
    const report = await sync(STUDENT);
    expect(report.counts).to.deep.include({ read: 33, created: 33 });
    expect(await issues(report.runId)).to.include('course.partial');
  });

  it('reads a course of one page in two calls, and one with inactive enrolments in four', async () => {
    const { sync, moodle, courses } = await moodleSchool();
    await sync(STUDENT);
    expect(called(moodle, 'core_enrol_get_enrolled_users')).to.have.length(6);
    moodle.calls.length = 0;
    const enrolment = courses[0]?.enrolments.at(-1);
    if (enrolment) enrolment.inactive = true;
    await sync(STUDENT);
    expect(called(moodle, 'core_enrol_get_enrolled_users')).to.have.length(8);
  });

  for (const [who, hidden] of [
    ['lower', (id: number) => id % 7 === 0],
    ['higher', (id: number) => id > 25],
  ] as const) {
    it(`people whom the token may not see are noticed, with ${who} ids than others, and nobody counts as gone`, async () => {
      const { sync, moodle, users, issues } = await moodleSchool();
      await sync(STUDENT);
      for (const { id } of users) if (hidden(id)) moodle.vices.hideUsersFrom.add(id);
      for (const turn of [1, 2, 3]) {
        const report = await sync(STUDENT);
        expect(report.counts, `turn ${turn}`).to.deep.include({ deactivated: 0 });
        expect(report.gaps[0], `turn ${turn}`).to.match(/could not be read, or not all of them/);
        expect(await issues(report.runId)).to.include('course.partial');
      }
    });
  }

  describe('a list of people without an end is a sentence, and nothing changes:', () => {
    /** Pages in which the person at each place is given by `idAt`; `courses` of them, each with such a list. */
    async function endless(pageSize: number, idAt: (place: number) => number) {
      const school = await moodleSchool(makeMoodleSchool({ courses: 1, students: 3 }), { pageSize });
      school.moodle.vices.broken.set('core_enrol_get_enrolled_users', (params) => {
        const options = Object.values(params.options as Record<string, { name: string; value: string }>);
        const optionOf = (wanted: string) => Number(options.find(({ name }) => name === wanted)?.value ?? 0);
        const [from, count] = [optionOf('limitfrom'), optionOf('limitnumber') || 1];
        const page = Array.from({ length: count }, (_, i) => idAt(from + i));
        return { status: 200, body: JSON.stringify(page.map((id) => ({ id, fullname: 'x' }))) };
      });
      return school;
    }
    const lists: [name: string, pageSize: number, idAt: (place: number) => number, sentence: RegExp][] = [
      ['the same full page for ever', 5, (place) => place % 5, /the same people page after page/],
      [
        'full pages with one new person each',
        5,
        (place) => (place % 5 === 0 ? 10 + place : place % 5),
        /the same people page after page/,
      ],
      ['new people for ever', 5_000, (place) => place, /more than 250,000 people/],
    ];
    for (const [name, pageSize, idAt, sentence] of lists) {
      it(name, async () => {
        const { sync, moodle } = await endless(pageSize, idAt);
        const { success, errors } = await sync(STUDENT);
        expect(success).to.equal(false);
        expect(errors.join())
          .to.match(sentence)
          .and.match(/Nothing was changed/);
        expect(called(moodle, 'core_enrol_get_enrolled_users').length).to.be.below(70);
      });
    }
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
    moodle.vices.unreadableCourses.add(2);
    const report = await sync(STUDENT);
    expect(report.success).to.equal(true);
    expect(await issues(report.runId)).to.include('course.unreadable');
  });

  for (const [what, arrange, sentence] of NOBODY_READABLE) {
    it(`${what}: the sync fails and names the capability, and so does the connection test`, async () => {
      const { sync, test, moodle, institutionId } = await moodleSchool();
      await sync(STUDENT);
      arrange(moodle);
      for (const type of [GROUP, TEACHER, STUDENT]) {
        const report = await sync(type);
        expect(report.success, type).to.equal(false);
        expect(report.errors[0], type).to.match(sentence);
      }
      const { rosterService } = await sharedServices();
      expect((await rosterService.listStudents({ institutionId })).items).to.have.length(30);
      const { success, message } = await test();
      expect(success).to.equal(false);
      expect(message).to.match(sentence);
    });
  }

  it('a token that sees nobody but people of the lowest and highest ids fails the sync of students', async () => {
    const { sync, users, courses, moodle } = await moodleSchool();
    for (const { id } of users) moodle.vices.hideUsersFrom.add(id);
    const [last] = users.slice(-1);
    courses[0]?.enrolments.push({ userId: 3, roles: ['editingteacher'] });
    if (last) moodle.vices.hideUsersFrom.delete(last.id);
    for (const { enrolments } of courses)
      for (const enrolment of enrolments) if (enrolment.userId === last?.id) enrolment.roles = ['teacher'];
    const report = await sync(STUDENT);
    expect(report.success).to.equal(false);
    expect(report.errors[0]).to.match(/^Not one student can be read/);
  });

  it('a token that sees teachers alone fails the sync of students, and names the capability', async () => {
    const { sync, users, moodle } = await moodleSchool();
    for (const { id, username } of users) if (username.startsWith('s')) moodle.vices.hideUsersFrom.add(id);
    expect((await sync(TEACHER)).success).to.equal(true);
    const report = await sync(STUDENT);
    expect(report.success).to.equal(false);
    expect(report.errors[0]).to.match(/^Not one student can be read.*moodle\/user:viewdetails/);
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

  for (const [what, arrange] of NO_SUSPENSIONS) {
    it(`${what}: who was active or inactive stays so, with one warning`, async () => {
      const { sync, moodle, users, institutionId, issues } = await moodleSchool({}, { suspensionHours: 0 });
      const { rosterService } = await sharedServices();
      for (const user of users.slice(-9)) user.suspended = true;
      await sync(STUDENT);
      const inactive = async () =>
        (await rosterService.listStudents({ institutionId })).items.filter(({ active }) => !active).length;
      expect(await inactive()).to.equal(9);
      arrange(moodle);
      for (const turn of [1, 2]) {
        const report = await sync(STUDENT);
        expect(report.counts, `turn ${turn}`).to.deep.include({ created: 0, updated: 0, deactivated: 0 });
        expect(await issues(report.runId)).to.include('suspension.unknown');
        expect(await inactive(), `turn ${turn}`).to.equal(9);
      }
      moodle.vices.withoutCapability.clear();
      moodle.vices.unknownFunctions.clear();
      for (const user of users) user.suspended = false;
      await sync(STUDENT);
      expect(await inactive()).to.equal(0);
    });
  }

  it('who was away and comes back is active, although nobody knows whether the account is suspended', async () => {
    const { sync, moodle, courses, institutionId } = await moodleSchool({}, { suspensionHours: 0 });
    const { rosterService } = await sharedServices();
    await sync(STUDENT);
    const kept = courses.map(({ enrolments }) => [...enrolments]);
    const away = courses[0]?.enrolments.at(-1)?.userId;
    for (const course of courses)
      course.enrolments = course.enrolments.filter(({ userId }) => userId !== away);
    await sync(STUDENT);
    expect((await sync(STUDENT)).counts).to.deep.include({ deactivated: 1 });
    moodle.vices.withoutCapability.add('core_user_get_users_by_field');
    for (const [i, course] of courses.entries()) course.enrolments = kept[i] ?? [];
    await sync(STUDENT);
    const students = (await rosterService.listStudents({ institutionId })).items;
    expect(students.every(({ active }) => active)).to.equal(true);
  });

  it('of new people of whom nobody knows whether they are suspended all are active', async () => {
    const { sync, moodle, issues, institutionId } = await moodleSchool();
    await sync(GROUP);
    moodle.vices.withoutCapability.add('core_user_get_users_by_field');
    const report = await sync(STUDENT);
    expect(report.counts.created).to.equal(30);
    expect(await issues(report.runId)).to.deep.equal(['suspension.unknown']);
    const { rosterService } = await sharedServices();
    const students = (await rosterService.listStudents({ institutionId })).items;
    expect(students.every(({ active }) => active)).to.equal(true);
  });

  it('a person without an active enrolment is inactive, is in no group, and is not asked about', async () => {
    const { sync, courses, moodle, institutionId } = await moodleSchool({}, { suspensionHours: 0 });
    const { rosterService } = await sharedServices();
    await sync(GROUP);
    await sync(STUDENT);
    const last = courses[0]?.enrolments.slice(-2) ?? [];
    const [leaver, mover] = last.map(({ userId }) => userId) as [number, number];
    // The leaver has left everywhere, the mover one course of two.
    for (const course of courses) {
      for (const enrolment of course.enrolments)
        if (enrolment.userId === leaver || (enrolment.userId === mover && course === courses[0]))
          enrolment.inactive = true;
    }
    moodle.calls.length = 0;
    const report = await sync(STUDENT);
    expect(report.counts).to.deep.include({ deactivated: 1, missing: 0, unchanged: 29 });
    expect(report.membershipCounts).to.deep.include({ deactivated: 3, created: 0 });
    const asked = askedAbout(moodle).flat();
    expect([asked.includes(String(leaver)), asked.includes(String(mover))]).to.deep.equal([false, true]);
    const inactive = (await rosterService.listStudents({ institutionId })).items.filter(
      ({ active }) => !active,
    );
    expect(inactive).to.have.length(1);
    for (const { enrolments } of courses) for (const enrolment of enrolments) enrolment.inactive = false;
    const back = await sync(STUDENT);
    expect(back.counts).to.deep.include({ updated: 1 });
    expect(back.membershipCounts).to.deep.include({ created: 3, deactivated: 0 });
  });

  it('inactive enrolments count as before where the config keeps them', async () => {
    const { sync, courses, moodle } = await moodleSchool({}, { inactiveEnrolments: 'keep' });
    await sync(GROUP);
    await sync(STUDENT);
    for (const { enrolments } of courses) for (const enrolment of enrolments) enrolment.inactive = true;
    moodle.vices.withoutEnrolReview = true;
    const report = await sync(STUDENT);
    expect(report.counts).to.deep.include({ deactivated: 0, unchanged: 30 });
    expect(report.membershipCounts).to.deep.include({ deactivated: 0 });
  });

  it('without moodle/course:enrolreview who was active or inactive stays so, with one warning', async () => {
    const { sync, courses, moodle, issues, institutionId } = await moodleSchool();
    const { rosterService } = await sharedServices();
    const leaver = courses[0]?.enrolments.at(-1)?.userId;
    for (const { enrolments } of courses)
      for (const enrolment of enrolments) if (enrolment.userId === leaver) enrolment.inactive = true;
    await sync(GROUP);
    await sync(STUDENT);
    moodle.vices.withoutEnrolReview = true;
    const report = await sync(STUDENT);
    expect(report.success).to.equal(true);
    expect(report.counts).to.deep.include({ updated: 0, deactivated: 0 });
    expect(await issues(report.runId)).to.include('enrolment.unknown');
    const inactive = (await rosterService.listStudents({ institutionId })).items.filter(
      ({ active }) => !active,
    );
    expect(inactive).to.have.length(1);
  });

  it('without moodle/site:accessallgroups no group and no membership ends', async () => {
    const { sync, moodle } = await moodleSchool();
    await sync(COURSE);
    await sync(GROUP);
    await sync(STUDENT);
    moodle.vices.withoutAllGroups = true;
    for (const turn of [1, 2, 3]) {
      const groups = await sync(GROUP);
      expect(groups.counts, `turn ${turn}`).to.deep.include({ deactivated: 0 });
      const students = await sync(STUDENT);
      expect(students.counts, `turn ${turn}`).to.deep.include({ unchanged: 30, deactivated: 0 });
      expect(students.membershipCounts, `turn ${turn}`).to.deep.include({ deactivated: 0 });
      expect(students.gaps.join()).to.match(/moodle\/site:accessallgroups/);
    }
    moodle.vices.withoutAllGroups = false;
    expect((await sync(GROUP)).counts).to.deep.include({ unchanged: 6 });
  });

  it('a course that showed groups and shows none proves nothing, while one whose group is deleted does', async () => {
    const { sync, courses } = await moodleSchool();
    await sync(COURSE);
    await sync(GROUP);
    await sync(STUDENT);
    const [first, second] = courses;
    if (!first || !second) throw new Error('no courses');
    const kept = first.groups;
    first.groups = [];
    await sync(GROUP);
    const doubted = await sync(GROUP);
    expect(doubted.counts).to.deep.include({ deactivated: 0 });
    expect(doubted.gaps[0]).to.match(/showed groups before and show none now \(2\)/);
    if (kept) first.groups = kept;
    second.groups = second.groups?.slice(1) ?? [];
    await sync(GROUP);
    expect((await sync(GROUP)).counts).to.deep.include({ deactivated: 1 });
  });

  it('a course without groups that showed people and shows nobody proves nothing', async () => {
    const { sync, courses, users, moodle } = await moodleSchool();
    const apart = [9_001, 9_002, 9_003];
    const of = users.at(-1);
    const course = courses[0];
    if (!of || !course) throw new Error('an empty school');
    users.push(
      ...apart.map((id) => ({ ...of, id, username: `u${id}`, idnumber: `U${id}`, email: `${id}@x.cl` })),
    );
    const enrolments = apart.map((userId) => ({ userId, roles: ['student'] }));
    courses.push({ ...course, id: 99, shortname: 'TALLER', groups: [], attendance: [], enrolments });
    expect((await sync(STUDENT)).counts).to.deep.include({ created: 33 });
    for (const id of apart) moodle.vices.hideUsersFrom.add(id);
    for (let night = 0; night < 3; night++) {
      const report = await sync(STUDENT);
      expect(report.counts.deactivated).to.equal(0);
      expect(report.gaps[0]).to.match(/a course showed people before and shows? nobody now \(99\)/);
    }
    moodle.vices.hideUsersFrom.clear();
    expect((await sync(STUDENT)).gaps).to.deep.equal([]);
    // Whom a course that still has others lacks has left it.
    courses.at(-1)?.enrolments.pop();
    await sync(STUDENT);
    expect((await sync(STUDENT)).counts).to.deep.include({ deactivated: 1 });
  });

  it('two students with one ID number are a warning that names both, and both come in', async () => {
    const { sync, users, integrationId } = await moodleSchool();
    const { integrationService } = await sharedServices();
    const [a, b] = users.slice(-2);
    if (!a || !b) throw new Error('an empty school');
    a.idnumber = ' 007 ';
    b.idnumber = '007';
    const report = await sync(STUDENT);
    expect(report.counts.created).to.equal(30);
    const { items } = await integrationService.listSyncIssues(integrationId, report.runId);
    const [issue] = items.filter(({ rule }) => rule === 'idnumber.duplicate');
    expect(issue?.severity).to.equal('WARNING');
    expect(issue?.message).to.contain('"007"').and.contain(`(${a.id})`).and.contain(`(${b.id})`);
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

const NOT_SEEN: [
  what: string,
  check: string,
  arrange: (vices: MoodleSimulator['vices']) => unknown,
  sentence: RegExp,
][] = [
  [
    'suspensions',
    'suspension',
    (vices) => vices.withoutCapability.add('core_user_get_users_by_field'),
    /core_user_get_users_by_field/,
  ],
  [
    'inactive enrolments',
    'enrolments',
    (vices) => Object.assign(vices, { withoutEnrolReview: true }),
    /moodle\/course:enrolreview/,
  ],
  [
    'groups',
    'groups',
    (vices) => Object.assign(vices, { withoutAllGroups: true }),
    /moodle\/site:accessallgroups/,
  ],
];

/** A session of the first activity without marks. */
const lesson = {
  attendanceid: 1,
  groupid: 0,
  sessdate: 1_773_650_000,
  duration: 2_700,
  description: '',
  statusset: 0,
  log: new Map(),
};

describe('a connection test of Moodle', () => {
  it('tells the site, its release, the user, and what can be read', async () => {
    const { test, moodle } = await moodleSchool({ siteName: 'Aula San Martín' });
    moodle.sessions.set(1, { ...lesson, id: 1 });
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
      'enrolments',
      'groups',
      'attendance functions',
      'attendance',
      'statuses',
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

  it("shows nothing on the token's own user alone, about whom Moodle tells everything", async () => {
    const { test, moodle, courses, users } = await moodleSchool();
    const own = { userId: 3, roles: ['student'], groupIds: courses[0]?.groups?.map(({ id }) => id) ?? [] };
    courses[0]?.enrolments.push(own);
    for (const { id } of users) moodle.vices.hideUsersFrom.add(id);
    const { success, checks } = await test();
    expect(success).to.equal(false);
    for (const name of ['people', 'suspension', 'enrolments', 'groups'])
      expect(checks.find((check) => check.name === name)?.ok, name).to.equal(false);
    expect(checks.find(({ name }) => name === 'suspension')?.message).to.match(/could not be shown/);
  });

  for (const [what, name, arrange, sentence] of NOT_SEEN) {
    it(`says that ${what} are not told, and what is missing`, async () => {
      const { test, moodle } = await moodleSchool();
      arrange(moodle.vices);
      const { checks } = await test();
      const check = checks.find((candidate) => candidate.name === name);
      expect(check?.ok).to.equal(false);
      expect(check?.message).to.match(sentence);
    });
  }

  it('says that people are left out of a course of whom others are shown', async () => {
    const { test, moodle } = await moodleSchool();
    for (let id = 20; id < 100; id++) moodle.vices.hideUsersFrom.add(id);
    const { success, checks } = await test();
    expect(success).to.equal(true);
    expect(checks.find(({ name }) => name === 'people')?.message).to.match(
      /left out.*moodle\/user:viewdetails/,
    );
  });

  it('shows which acronyms stand for which status in each activity, and which are missing', async () => {
    const { test, moodle, courses } = await moodleSchool({}, { statusAcronyms: { LATE: ['L', 'T'] } });
    const statuses = ['P', 'A', 'T'].map((acronym, i) => ({
      id: 90 + i,
      acronym,
      description: acronym,
      setnumber: 0,
    }));
    Object.assign(courses[1]?.attendance?.[0] ?? {}, { statuses });
    moodle.sessions.set(1, { ...lesson, id: 1 });
    moodle.sessions.set(2, { ...lesson, id: 2, attendanceid: 2 });
    const { success, checks } = await test();
    expect(success).to.equal(true);
    const check = checks.find(({ name }) => name === 'statuses');
    expect(check?.ok).to.equal(false);
    expect(check?.message)
      .to.contain('of course 2: PRESENT P, ABSENT A, LATE L, EXCUSED E.')
      .and.contain('of course 3: PRESENT P, ABSENT A, LATE T; none for EXCUSED among P, T, A.')
      .and.contain('config.statusAcronyms');
  });

  it('says that the sessions of an activity are too many to list, and asks for them no third time', async () => {
    const { test, moodle } = await moodleSchool();
    moodle.sessions.set(1, { ...lesson, id: 1 });
    moodle.vices.phpMemoryRows = 1;
    for (const turn of [1, 2]) {
      const { success, checks } = await test();
      expect(success, `turn ${turn}`).to.equal(true);
      expect(checks.find(({ name }) => name === 'attendance')?.message).to.match(
        /too many for Moodle to list/,
      );
      expect(
        called(moodle, 'mod_attendance_get_sessions').filter(({ params }) => params.attendanceid === '1'),
      ).to.have.length(2);
    }
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
