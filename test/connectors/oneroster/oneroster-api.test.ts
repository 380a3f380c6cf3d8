import { expect } from 'chai';
import {
  ConnectorError,
  type CourseRecord,
  type GroupRecord,
  MappingEntityType,
} from '../../../src/connectors/index.js';
import { enrolment, makeOneRosterSchool, person, record } from '../../support/oneroster/index.js';
import { rejectionOf } from '../http/kit.js';
import { closeAll, connected, read, simulate } from './read-oneroster.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
const idsOf = (records: readonly { externalId: unknown }[]) => records.map(({ externalId }) => externalId);
const find = <T extends { sourcedId: string }>(list: T[], id: string) =>
  list.find(({ sourcedId }) => sourcedId === id) as T;
const words = async (promise: Promise<unknown>) => {
  const error = (await rejectionOf(promise)) as Error;
  expect(error).to.be.instanceOf(ConnectorError);
  return error.message;
};

describe('OneRoster by its API', () => {
  afterEach(closeAll);

  describe('gives as records', () => {
    it('courses with code, grade and the title of their school year', async () => {
      const { settings } = await simulate();
      const [first] = (await read<CourseRecord>(settings, COURSE)).records;
      expect(first).to.deep.include({
        externalId: 'C1',
        active: true,
        name: 'Álgebra 1',
        code: 'ALG-1',
        grade: '07',
        academicTerm: 'Año 2026',
        metadata: { school: 'Colegio San Martín' },
      });
    });

    it('classes as groups, with their course and terms', async () => {
      const { settings } = await simulate();
      const [first] = (await read<GroupRecord>(settings, GROUP)).records;
      expect(first).to.deep.include({
        externalId: 'G1',
        name: '7°A',
        code: '71',
        courseExternalId: 'C1',
        academicTerm: 'Primer semestre',
      });
      expect(first?.metadata).to.deep.equal({ classType: 'scheduled', school: 'Colegio San Martín' });
    });

    for (const version of ['1.1', '1.2'] as const) {
      it(`people of ${version} with the national id among their userIds, and their school`, async () => {
        const { settings, school } = await simulate(version);
        Object.assign(find(school.users, 'S1'), {
          middleName: 'María',
          userIds: [
            { type: 'LDAP', identifier: 'asoto' },
            { type: 'National-ID', identifier: '12.345.678-5' },
          ],
        });
        const { records } = await read(settings);
        expect(records[0]).to.deep.include({
          externalId: 'S1',
          active: true,
          givenName: 'Ana María',
          familyName: 'Soto S1',
          email: 's1@school.example',
          code: 'N-S1',
          nationalId: '12.345.678-5',
          metadata: { username: 's1', schools: ['Colegio San Martín'] },
        });
        expect(records[1]?.nationalId).to.equal(undefined);
        expect(idsOf((await read(settings, TEACHER)).records))
          .to.include('T1')
          .and.not.include('P1');
      });
    }

    it('people as inactive who are to be deleted, were inactive in 1.0, are not enabled, or whose role is over', async () => {
      const { settings, school } = await simulate();
      const org = { sourcedId: 'school' };
      const changes: Record<string, object> = {
        S1: { status: 'tobedeleted' },
        S2: { status: 'inactive' },
        S3: { enabledUser: 'false' },
        S4: { enabledUser: false },
        S5: { roles: [{ role: 'student', endDate: '2020-12-31', org }] },
        S6: { roles: [{ role: 'student', beginDate: '2999-01-01', org }] },
        S7: {
          roles: [
            { role: 'student', endDate: '2020-12-31' },
            { role: 'student', beginDate: '2020-03-01' },
          ],
        },
        S8: { enabledUser: 'true', status: 'ACTIVE' },
      };
      for (const [id, change] of Object.entries(changes)) Object.assign(find(school.users, id), change);
      const { records } = await read(settings);
      const inactive = records.filter(({ active }) => active === false);
      expect(idsOf(inactive)).to.have.members(['S1', 'S2', 'S3', 'S4', 'S5', 'S6']);
    });

    it('enrolments as memberships in their role: once each, and only those that hold today', async () => {
      const { settings, school } = await simulate('1.2', { students: 2, courses: 1, teachers: 2 });
      school.enrollments.push(
        // Moved out and in again: two enrolments, one membership.
        enrolment('G1', 'S1', 'student', { sourcedId: 'again' }),
        enrolment('G1', 'S3', 'student', { status: 'tobedeleted' }),
        enrolment('G1', 'S4', 'student', { endDate: '2020-12-31' }),
        enrolment('G1', 'S5', 'student', { beginDate: '2999-01-01' }),
        enrolment('G1', 'S6', 'Student', { beginDate: '2020-01-01', endDate: '2999-01-01' }),
        enrolment('G1', 'S7', 'proctor'),
      );
      const { memberships, membershipPages, gaps } = await read(settings);
      expect(memberships.map((row) => row.personExternalId).sort()).to.deep.equal(['S1', 'S2', 'S6']);
      // The total of the server, less what is left out: else nobody could ever be taken out of a group.
      expect(membershipPages.at(-1)?.declaredTotal).to.equal(3);
      expect(gaps).to.deep.equal([]);
      const teachers = (await read(settings, GROUP)).memberships;
      expect(teachers.map((row) => [row.role, row.personExternalId])).to.deep.equal([
        ['TEACHER', 'T1'],
        ['TEACHER', 'T2'],
      ]);
    });
  });

  describe('bears records that are not as they should be:', () => {
    it('one without a sourcedId is an error, and the others come in', async () => {
      const { settings, school } = await simulate('1.2', { students: 7 });
      find(school.users, 'S3').sourcedId = '';
      const { records, issues } = await read(settings);
      expect(records).to.have.length(6);
      expect(issues).to.have.length(1);
      expect(issues[0]).to.include({ severity: 'error', rule: 'record.unreadable', column: 'sourcedId' });
    });

    it('values of another type than the standard says count as missing, or as what they mean', async () => {
      const { settings, school } = await simulate('1.2', { students: 1, courses: 1 });
      Object.assign(find(school.users, 'S1'), {
        email: { a: 1 },
        identifier: 17,
        userIds: 'none',
        grades: '07',
      });
      Object.assign(find(school.classes, 'G1'), {
        terms: { sourcedId: 'Y2026-1' },
        course: null,
        periods: [1],
      });
      const [student] = (await read(settings)).records;
      expect(student).to.deep.include({ email: undefined, code: '17' });
      expect(student?.metadata?.grades).to.deep.equal(['07']);
      const [group] = (await read<GroupRecord>(settings, GROUP)).records;
      expect(group).to.deep.include({ academicTerm: 'Primer semestre', courseExternalId: undefined });
    });

    it('a class in an academic session that is not there is told, and comes in', async () => {
      const { settings, school } = await simulate();
      Object.assign(find(school.classes, 'G2'), { terms: [{ sourcedId: 'nowhere' }] });
      const { records, issues } = await read(settings, GROUP);
      expect(records).to.have.length(3);
      expect(issues).to.have.length(1);
      expect(issues[0]).to.include({
        severity: 'warning',
        rule: 'term.unknown',
        value: 'nowhere',
        externalId: 'G2',
      });
    });

    it('orgs and sessions that are not offered are told once, and the roster comes in without their names', async () => {
      const { settings, vices } = await simulate();
      vices.missing.set('orgs', 403).set('academicSessions', 404);
      const { records, issues } = await read<GroupRecord>(settings, GROUP);
      expect(issues.map(({ severity, rule, file }) => [severity, rule, file])).to.deep.equal([
        ['warning', 'list.not_offered', 'orgs'],
        ['warning', 'list.not_offered', 'academicSessions'],
      ]);
      expect(records[0]).to.deep.include({ academicTerm: undefined, metadata: { classType: 'scheduled' } });
      expect(JSON.stringify(issues)).not.to.contain('token-');
    });
  });

  describe('reads to the end', () => {
    const whole = makeOneRosterSchool({ students: 23 }).users.flatMap(({ sourcedId }) =>
      sourcedId.startsWith('S') ? [sourcedId] : [],
    );
    const quirks: [name: string, vices: object][] = [
      ['with totals and links', {}],
      ['with links alone', { sendsTotal: false }],
      ['with totals alone', { sendsLinks: false }],
      ['without either', { sendsTotal: false, sendsLinks: false }],
      [
        'from a server that cuts pages to a size of its own, and says nothing',
        { mostRows: 3, sendsTotal: false, sendsLinks: false },
      ],
      ['from a server that cuts pages and links', { mostRows: 3, sendsTotal: false }],
      [
        'from a server whose links lead to what it takes for its address',
        { linkOrigin: 'http://10.0.0.7:8081' },
      ],
      ['from a server whose total is that of a page', { sendsLinks: false, total: 5 }],
    ];
    for (const [name, vices] of quirks) {
      it(name, async () => {
        const given = await simulate('1.2', { students: 23 });
        Object.assign(given.vices, vices);
        const { records } = await read(given.settings);
        expect(idsOf(records)).to.have.length(23).and.have.members(whole);
      });
    }

    it('in the order of the ids, as servers repeat and skip rows in their natural one', async () => {
      const { settings, simulator } = await simulate();
      await read(settings);
      const calls = simulator.calls.filter((call) => call.startsWith('students'));
      for (const call of calls) expect(call).to.contain('sort=sourcedId&orderBy=asc');
    });

    it('a total that is not reached is handed on, so that nobody is taken for gone', async () => {
      const { settings, vices } = await simulate();
      Object.assign(vices, { sendsLinks: false, total: 15 });
      const { records, pages } = await read(settings);
      expect(records).to.have.length(12);
      expect(pages.at(-1)?.declaredTotal).to.equal(15);
    });

    it('a server that knows no offset gives one page: a short one is read, and proves nothing', async () => {
      const { settings, vices } = await simulate('1.2', { students: 4 });
      Object.assign(vices, { ignoresOffset: true, sendsTotal: false, sendsLinks: false });
      const { records, gaps } = await read({ ...settings, config: { ...settings.config, pageSize: 50 } });
      expect(idsOf(records)).to.deep.equal(['S1', 'S2', 'S3', 'S4']);
      expect(gaps).to.include('The list of students changed while it was read.');
    });

    it('a server that knows no pages gives all at once, and is asked once more whether that was a page', async () => {
      const { settings, vices, simulator } = await simulate('1.2', { students: 12 });
      Object.assign(vices, { ignoresOffset: true, ignoresLimit: true, sendsTotal: false, sendsLinks: false });
      const { records, gaps } = await read(settings);
      expect(records).to.have.length(12);
      expect(gaps).to.deep.equal([]);
      expect(simulator.calls.filter((call) => call.startsWith('students'))).to.have.length(2);
    });

    it('a server whose pages are larger than was asked is read to its end', async () => {
      const { settings, vices } = await simulate('1.2', { students: 12 });
      Object.assign(vices, { mostRows: 5, ignoresLimit: true, sendsTotal: false, sendsLinks: false });
      const { records, gaps } = await read({ ...settings, config: { ...settings.config, pageSize: 2 } });
      expect(records).to.have.length(12);
      expect(gaps).to.deep.equal([]);
    });

    it('a server that gives the same full page for ever is an error', async () => {
      const { settings, vices } = await simulate();
      Object.assign(vices, { ignoresOffset: true, sendsTotal: false, sendsLinks: false });
      expect(await words(read(settings))).to.contain('gave a page of students twice');
    });
  });

  describe('a list that changes while it is read', () => {
    /** Changes the school when the second page of students is asked for. */
    async function drift(
      change: (school: ReturnType<typeof makeOneRosterSchool>) => void,
      vices: object = {},
    ) {
      const given = await simulate();
      Object.assign(given.vices, vices);
      given.simulator.onPage = (list, offset) => {
        if (list !== 'students' || offset === 0) return;
        given.simulator.onPage = () => {};
        change(given.school);
      };
      return read(given.settings);
    }

    it('and pushes rows back gives none twice, and proves nothing', async () => {
      const { records, gaps } = await drift((school) => school.users.push(person('A0', 'student')));
      expect(new Set(idsOf(records)).size).to.equal(records.length);
      expect(idsOf(records)).to.include.members(['S1', 'S9']);
      expect(gaps).to.include('The list of students changed while it was read.');
    });

    it('and pulls rows forward, so that one is skipped, proves nothing', async () => {
      const { records, gaps } = await drift((school) => {
        school.users.splice(0, 2);
      });
      expect(records).to.have.length(11);
      expect(gaps).to.include('The list of students changed while it was read.');
    });

    it('and pulls rows forward without a total to tell it is noticed all the same', async () => {
      const { gaps } = await drift(
        (school) => {
          school.users.splice(0, 1);
        },
        { sendsTotal: false },
      );
      expect(gaps).to.include('The list of students changed while it was read.');
    });
  });

  describe('refuses with a sentence', () => {
    it('a client without the scope', async () => {
      const { settings, vices } = await simulate();
      vices.scopes = ['something.else'];
      expect(await words(read(settings))).to.match(/scope "https:.*v1p2.*readonly".*config.scope/);
    });

    it('a list that the scope does not reach', async () => {
      const { settings, vices } = await simulate();
      vices.missing.set('students', 403);
      expect(await words(read(settings))).to.match(
        /not let this client read students \(403 .*\*\*\*.*roster-core/,
      );
    });

    it('an address without the list', async () => {
      const { settings, vices } = await simulate();
      vices.missing.set('enrollments', 404);
      expect(await words(read(settings)))
        .to.contain('no list enrollments')
        .and.contain('config.version');
    });

    it('an API of another version', async () => {
      const { settings } = await simulate('1.1');
      const config = { ...settings.config, version: '1.2' };
      expect(await words(read({ ...settings, config })))
        .to.contain('v1p2')
        .and.contain('config.scope');
    });

    it('a failure that is said under a status of success, without the token that the server repeats', async () => {
      const { settings, vices } = await simulate();
      vices.failing = true;
      const sentence = await words(read(settings));
      expect(sentence).to.contain('cannot be read (failure: the database is away for ***, ');
      for (const encoding of ['utf8', 'base64', 'hex'] as const)
        expect(sentence).not.to.contain(Buffer.from('token-1-of-the-school').toString(encoding).slice(0, 20));
    });

    it('a client without its secret, before any call', async () => {
      const { settings, simulator } = await simulate();
      expect(await words(read({ ...settings, credentials: {} }))).to.contain('credentials.clientId');
      expect(simulator.calls).to.deep.equal([]);
    });

    it('attendance, before any call', async () => {
      const { settings, simulator } = await simulate();
      const sending = connected(settings, (connector) => connector.sendAttendance('x', {} as never));
      expect(await words(sending)).to.contain('only reads');
      expect(simulator.tokenForms).to.deep.equal([]);
    });
  });

  it('asks for the scope of its version, or the one of the config', async () => {
    for (const version of ['1.1', '1.2'] as const) {
      const { settings, simulator, vices } = await simulate(version);
      await read(settings, COURSE);
      expect(simulator.tokenForms[0]?.get('scope')).to.contain(version === '1.1' ? 'v1p1' : 'v1p2');
      vices.scopes = ['own one'];
      await read({ ...settings, config: { ...settings.config, scope: 'own one' } }, COURSE);
      expect(simulator.tokenForms.at(-1)?.get('scope')).to.equal('own one');
    }
  });

  it('reads on when its token expires in the middle, with one token more', async () => {
    const { settings, simulator } = await simulate();
    simulator.onPage = (list, offset) => {
      if (list !== 'students' || offset === 0) return;
      simulator.expireTokens();
      simulator.onPage = () => {};
    };
    const { records, gaps } = await read(settings);
    expect(records).to.have.length(12);
    expect(gaps).to.deep.equal([]);
    expect(simulator.tokenForms).to.have.length(2);
  });

  it('the connection test counts each list, and fails by what it cannot read', async () => {
    const { settings, vices } = await simulate();
    const test = () => connected(settings, (connector) => connector.testConnection());
    expect(await test()).to.deep.include({ success: true });
    vices.missing.set('orgs', 404);
    expect(await test()).to.deep.include({ success: true });
    vices.missing.set('classes', 403);
    const report = (await test()) as {
      success: boolean;
      message: string;
      checks: { name: string; ok: boolean }[];
    };
    expect(report.success).to.equal(false);
    expect(report.message).to.contain('read classes');
    expect(report.checks.filter(({ ok }) => !ok).map(({ name }) => name)).to.deep.equal(['orgs', 'classes']);
  });

  describe('asks for what changed', () => {
    const NOW = () => new Date().toISOString();
    /** A first reading of everything, and one that goes on from it; calls are those of the second. */
    async function twice(
      change: (given: Awaited<ReturnType<typeof simulate>>) => void,
      entityType: MappingEntityType = STUDENT,
      config: object = {},
    ) {
      const given = await simulate();
      const first = await read(given.settings, entityType);
      change(given);
      given.simulator.calls.length = 0;
      const settings = { ...given.settings, config: { ...given.settings.config, ...config } };
      const second = await read(settings, entityType, { cursor: async () => first.cursor });
      return {
        ...given,
        first,
        second,
        filters: given.simulator.calls.filter((call) => call.includes('filter=')),
      };
    }

    it('since the reading before, and says that these are not all', async () => {
      const { first, second, filters } = await twice(({ school }) => {
        Object.assign(find(school.users, 'S4'), { familyName: 'Ríos', dateLastModified: NOW() });
        school.enrollments.push(enrolment('G9', 'S4', 'student', { dateLastModified: NOW() }));
      });
      expect(first.records).to.have.length(12);
      expect(first.pages.some(({ partial }) => partial)).to.equal(false);
      expect(second.records.map((row) => [row.externalId, row.familyName])).to.deep.equal([['S4', 'Ríos']]);
      expect(second.memberships.map((row) => row.groupExternalId)).to.deep.equal(['G9']);
      expect(second.pages.concat(second.membershipPages as []).every(({ partial }) => partial)).to.equal(
        true,
      );
      const since = /dateLastModified>='([^']+)'/.exec(decodeURIComponent(filters[0] ?? ''))?.[1] ?? '';
      expect(Date.now() - Date.parse(since)).to.be.within(11 * 3_600_000, 13 * 3_600_000);
    });

    it('people who are to be deleted come as inactive', async () => {
      const { second } = await twice(({ school }) => {
        Object.assign(find(school.users, 'S4'), { status: 'tobedeleted', dateLastModified: NOW() });
      });
      expect(second.records.map((row) => [row.externalId, row.active])).to.deep.equal([['S4', false]]);
    });

    it('an enrolment that was deleted makes it a reading of everything, which alone can end a membership', async () => {
      const { second } = await twice(({ school }) => {
        Object.assign(find(school.enrollments, 'G1-S4'), { status: 'tobedeleted', dateLastModified: NOW() });
      });
      expect(second.records).to.have.length(12);
      expect(second.memberships).to.have.length(3 * 12 - 1);
      expect(second.pages.concat(second.membershipPages as []).some(({ partial }) => partial)).to.equal(
        false,
      );
    });

    it('an enrolment of another role that was deleted does not', async () => {
      const { second } = await twice(({ school }) => {
        Object.assign(find(school.enrollments, 'G1-T1'), { status: 'tobedeleted', dateLastModified: NOW() });
      });
      expect(second.records).to.deep.equal([]);
    });

    it('and for everything with other settings, an unknown cursor, or fullEveryDays 0', async () => {
      const others = [{ pageSize: 7 }, { fullEveryDays: 0 }];
      for (const config of others)
        expect((await twice(() => {}, COURSE, config)).second.records).to.have.length(3);
      const { settings } = await simulate();
      for (const cursor of ['', 'x', '{}', '{"at":"x"}', 'null']) {
        const { records } = await read(settings, COURSE, { cursor: async () => cursor });
        expect(records).to.have.length(3);
      }
    });

    it('and for everything by another client, who may see others', async () => {
      const { simulator, settings } = await simulate();
      const { cursor } = await read(settings, COURSE);
      const again = (clientId: string) => {
        simulator.clientId = clientId;
        const credentials = { ...settings.credentials, clientId };
        return read({ ...settings, credentials }, COURSE, { cursor: async () => cursor });
      };
      expect((await again(settings.credentials.clientId)).records).to.deep.equal([]);
      expect((await again('another client')).records).to.have.length(3);
    });

    it('and for everything once fullEveryDays have passed since that was done', async () => {
      const { settings } = await simulate();
      const day = 86_400_000;
      const { cursor = '' } = await read(settings, COURSE);
      const known = JSON.parse(cursor);
      const readAfter = async (days: number) => {
        const fullAt = known.fullAt - days * day;
        const past = JSON.stringify({ ...known, fullAt });
        const next = await read(settings, COURSE, { cursor: async () => past });
        return { count: next.records.length, keeps: JSON.parse(next.cursor ?? '{}').fullAt === fullAt };
      };
      expect(await readAfter(6)).to.deep.equal({ count: 0, keeps: true });
      expect(await readAfter(7)).to.deep.equal({ count: 3, keeps: false });
    });

    it('and takes everything from a server that does not understand the filter', async () => {
      const { second } = await twice(({ vices }) => Object.assign(vices, { filter: 'refused' }));
      expect(second.records).to.have.length(12);
      expect(second.pages.some(({ partial }) => partial)).to.equal(false);
      expect(second.memberships).to.have.length(36);
    });

    it('a server that ignores the filter gives everything, which is not taken for all', async () => {
      const { second } = await twice(({ vices }) => Object.assign(vices, { filter: 'ignored' }));
      expect(second.records).to.have.length(12);
      expect(second.pages.every(({ partial }) => partial)).to.equal(true);
    });
  });

  it('gives course, group and people that refer to what is not there as they are', async () => {
    const { settings, school } = await simulate('1.2', { students: 1, courses: 1, teachers: 1 });
    school.classes.push(record('G9', { title: 'Huérfana', course: { sourcedId: 'C404' } }));
    school.enrollments.push(enrolment('G404', 'S1', 'student'), enrolment('G1', 'S404', 'student'));
    const groups = await read<GroupRecord>(settings, GROUP);
    expect(groups.records.at(-1)).to.deep.include({ externalId: 'G9', courseExternalId: 'C404' });
    const { memberships } = await read(settings);
    expect(memberships.map((row) => [row.groupExternalId, row.personExternalId])).to.deep.include.members([
      ['G404', 'S1'],
      ['G1', 'S404'],
    ]);
  });
});
