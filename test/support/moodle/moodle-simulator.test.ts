import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../../examples/package-root.js';
import { MoodleSimulator, type MoodleSimulatorOptions } from './index.js';
import { addTwoSessions, type OpenMoodle, openMoodle, sessionOf, smallSchool } from './test-site.js';

interface Exchange {
  request: { wsfunction: string; params: Record<string, string> };
  status: number;
  contentType: string;
  json?: unknown;
}

type Moment = {
  options?: Partial<MoodleSimulatorOptions>;
  token?: string;
  arrange?: (moodle: MoodleSimulator) => void;
};

/** What must be so before an exchange of this name; the others happen on a quiet site. */
const moments: Record<string, Moment> = {
  'site info': { options: { functions: functionsSeen() } },
  'active people without the capability': {
    arrange: ({ vices }) => Object.assign(vices, { withoutEnrolReview: true }),
  },
  'sessions of today': {
    arrange: ({ sessions }) => {
      sessions.set(1, { ...sessionOf(1, 0), sessdate: Math.floor(Date.now() / 1_000) });
    },
  },
  sessions: { arrange: addTwoSessions },
  'a session without marks': { arrange: addTwoSessions },
  'a session with marks': { arrange: addTwoSessions },
  'a session added': { arrange: addTwoSessions },
  'a session added with no more than is needed': { arrange: addTwoSessions },
  'a mark, 2024': { arrange: addTwoSessions },
  'a mark, 2026': { arrange: addTwoSessions, options: { attendanceVersion: 2026 } },
  'a status nobody has, 2024': { arrange: addTwoSessions },
  'a status nobody has, 2026': { arrange: addTwoSessions, options: { attendanceVersion: 2026 } },
  'a list of ids as the set, 2026': { arrange: addTwoSessions, options: { attendanceVersion: 2026 } },
  'a person not enrolled, 2026': { arrange: addTwoSessions, options: { attendanceVersion: 2026 } },
  'mark for a missing student': { arrange: addTwoSessions },
  'mark by a missing teacher': { arrange: addTwoSessions },
  'mark without a set': { arrange: addTwoSessions },
  'session without access': {
    arrange: (moodle) => [addTwoSessions(moodle), lacks('mod_attendance_get_session')(moodle)],
  },
  'people without identity': { arrange: ({ vices }) => Object.assign(vices, { hideIdnumber: true }) },
  'invalid token': { token: 'ffffffffffffffffffffffffffffffff' },
  'no token': { token: '' },
  'expired token': { arrange: ({ vices }) => Object.assign(vices, { tokenState: 'expired' }) },
  'suspended caller': { arrange: ({ vices }) => Object.assign(vices, { userSuspended: true }) },
  'maintenance by setting': { arrange: ({ vices }) => Object.assign(vices, { maintenance: 'setting' }) },
  'maintenance by command line': { arrange: ({ vices }) => Object.assign(vices, { maintenance: 'cli' }) },
  'web services off': { arrange: ({ vices }) => Object.assign(vices, { webServicesOff: true }) },
  'wrong host': { arrange: ({ vices }) => Object.assign(vices, { redirectTo: 'https://moodle.example' }) },
  'database down': { arrange: ({ vices }) => Object.assign(vices, { databaseDown: true }) },
  'function left out of the service': { options: { functions: ['core_webservice_get_site_info'] } },
  'PHP error': { arrange: ({ vices }) => vices.fatal.add('core_course_get_courses') },
  'one inaccessible course fails all': { arrange: ({ vices }) => vices.inaccessibleCourses.add(13) },
  'people of an inaccessible course': { arrange: ({ vices }) => vices.inaccessibleCourses.add(13) },
  'people of the front page refused': { arrange: ({ vices }) => vices.inaccessibleCourses.add(1) },
  'courses without the capability': { arrange: lacks('core_course_get_courses') },
  'people without the capability': { arrange: lacks('core_enrol_get_enrolled_users') },
  'new session without the capability': { arrange: lacks('mod_attendance_add_session') },
};

describe('the Moodle simulator answers with the observed shapes', () => {
  let open: OpenMoodle | undefined;
  afterEach(() => open?.close());

  for (const file of ['site', 'courses', 'people', 'attendance', 'errors']) {
    describe(file, () => {
      for (const [name, exchange] of Object.entries(readFixture(file))) {
        it(name, async () => {
          const { options = {}, token, arrange } = moments[name] ?? {};
          const moodle = new MoodleSimulator({ ...smallSchool(), ...options });
          arrange?.(moodle);
          open = await openMoodle(moodle);
          const { wsfunction, params } = exchange.request;
          const response = await open.call(wsfunction, params, token === undefined ? {} : { wstoken: token });
          expect(response.status).to.equal(exchange.status);
          expect(response.headers.get('content-type')).to.equal(exchange.contentType);
          if ('json' in exchange) {
            expect(shape(await response.json())).to.deep.equal(shape(exchange.json));
          }
        });
      }
    });
  }

  it('has a fixture for each arranged moment', () => {
    const names = ['site', 'people', 'attendance', 'errors'].flatMap((file) =>
      Object.keys(readFixture(file)),
    );
    expect(names).to.include.members(Object.keys(moments));
  });
});

function readFixture(name: string): Record<string, Exchange> {
  return JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/moodle', `${name}.json`), 'utf8'));
}

/** The functions of the service that the exchanges were seen with. */
function functionsSeen(): string[] {
  const { json } = readFixture('site')['site info'] as { json: { functions: { name: string }[] } };
  return json.functions.map(({ name }) => name);
}

/** The keys and JSON types of an answer; errorcodes stay as they are, for callers decide by them. */
function shape(value: unknown): unknown {
  if (value === null) {
    return 'null';
  }
  if (Array.isArray(value)) {
    return value.map(shape);
  }
  if (typeof value !== 'object') {
    return typeof value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, key === 'errorcode' ? child : shape(child)]),
  );
}

function lacks(wsfunction: string): (moodle: MoodleSimulator) => unknown {
  return ({ vices }) => vices.withoutCapability.add(wsfunction);
}
