import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MappingEntityType } from '../../../src/connectors/index.js';
import { oneRoster } from '../../../src/connectors/oneroster/index.js';
import { conformanceCases, type Simulation } from '../../../src/connectors/testkit/index.js';
import { createPathJail } from '../../../src/security/index.js';
import {
  csvFilesOf,
  enrolment,
  makeOneRosterSchool,
  type OneRosterSchool,
  OneRosterSimulator,
  zipOf,
} from '../../support/oneroster/index.js';
import { tempFolder } from '../../support/temp-folder.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;

const idsOf = (rows: readonly { sourcedId: string }[]) => rows.map(({ sourcedId }) => sourcedId);

/** One student and one teacher no longer count, nor does a class. */
function makeSchool(): OneRosterSchool {
  const school = makeOneRosterSchool();
  const of = (list: keyof OneRosterSchool, id: string) =>
    school[list].find(({ sourcedId }) => sourcedId === id) as object;
  Object.assign(of('users', 'S2'), { enabledUser: 'false' });
  Object.assign(of('users', 'T1'), { enabledUser: false });
  // Over, and in another role: no memberships.
  school.enrollments.push(
    enrolment('G1', 'T6', 'teacher', { endDate: '2020-12-31' }),
    enrolment('G1', 'T5', 'administrator'),
  );
  return school;
}

function expectedOf(
  school: OneRosterSchool,
): Pick<Simulation, 'expected' | 'expectedMemberships' | 'inactive'> {
  const users = idsOf(school.users);
  const pairs = (role: string) =>
    school.enrollments
      .filter((row) => row.role === role && row.endDate === undefined)
      .map((row) => [...(row.sourcedId.split('-') as [string, string])] as const);
  return {
    expectedMemberships: { STUDENT: pairs('student'), TEACHER: pairs('teacher') },
    inactive: { STUDENT: ['S2'], TEACHER: ['T1'], COURSE: [], GROUP: [] },
    expected: {
      COURSE: idsOf(school.courses),
      GROUP: idsOf(school.classes),
      STUDENT: users.filter((id) => id.startsWith('S')),
      TEACHER: users.filter((id) => id.startsWith('T')),
    },
  };
}

const REFUSED: Simulation['refused'] = [
  { config: { apiUrl: undefined, importPath: undefined } },
  { config: { apiUrl: 'https://a.example', importPath: 'both' } },
  { config: { apiUrl: 'https://a.example', tokenUrl: undefined } },
  { config: { version: '2.0' } },
  { config: { pageSize: 0 } },
  { config: { zipFile: '../roster.zip' } },
  { config: { attendance: true } },
  { credentials: { clientId: 'alone', clientSecret: undefined } },
];

function simulateApi(version: '1.1' | '1.2'): Simulation {
  const simulator = new OneRosterSimulator(version, makeSchool());
  const { school } = simulator;
  return {
    handle: simulator.handle,
    settings: (url, timeout) => {
      const { config, credentials } = simulator.settings(url);
      return { config: { ...config, timeout }, credentials };
    },
    ...expectedOf(school),
    refused: REFUSED,
    declaresTotals: [COURSE, GROUP, STUDENT, TEACHER],
    expireToken: () => simulator.expireTokens(),
    expireCredentials: () => {
      simulator.expireTokens();
      simulator.vices.clientRefused = true;
    },
    failSoftly: () => Object.assign(simulator.vices, { failing: true }),
    shrink: () => {
      const gone = school.users.findIndex(({ sourcedId }) => sourcedId === 'S10');
      school.users.splice(gone, 1);
    },
  };
}

async function simulateZip(): Promise<Simulation> {
  const root = await tempFolder();
  const school = makeSchool();
  await mkdir(join(root, 'in'));
  await writeFile(join(root, 'in', 'oneroster.zip'), await zipOf(csvFilesOf(school)));
  return {
    settings: () => ({ config: { importPath: 'in' }, credentials: {} }),
    files: createPathJail(root),
    ...expectedOf(school),
    refused: REFUSED,
  };
}

const CONNECTORS = {
  'ONEROSTER (API 1.2)': await conformanceCases({
    definition: oneRoster,
    simulate: () => simulateApi('1.2'),
  }),
  'ONEROSTER (API 1.1)': await conformanceCases({
    definition: oneRoster,
    simulate: () => simulateApi('1.1'),
  }),
  'ONEROSTER (zip)': await conformanceCases({ definition: oneRoster, simulate: simulateZip, network: false }),
};

for (const [name, cases] of Object.entries(CONNECTORS)) {
  describe(`the connector ${name}`, () => {
    for (const { name: what, run } of cases) it(what, run);
  });
}
