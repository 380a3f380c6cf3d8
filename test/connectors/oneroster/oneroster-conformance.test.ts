import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { oneRoster } from '../../../src/connectors/oneroster/index.js';
import { conformanceCases, type Simulation } from '../../../src/connectors/testkit/index.js';
import { createPathJail } from '../../../src/security/index.js';
import {
  csvFilesOf,
  makeOneRosterSchool,
  type OneRosterSchool,
  OneRosterSimulator,
  zipOf,
} from '../../support/oneroster/index.js';
import { tempFolder } from '../../support/temp-folder.js';

const idsOf = (rows: readonly { sourcedId: string }[]) => rows.map(({ sourcedId }) => sourcedId);

function expectedOf(school: OneRosterSchool): Pick<Simulation, 'expected'> {
  const users = idsOf(school.users);
  return {
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
  const simulator = new OneRosterSimulator(version);
  const { school } = simulator;
  return {
    handle: simulator.handle,
    settings: (url, timeout) => {
      const { config, credentials } = simulator.settings(url);
      return { config: { ...config, timeout }, credentials };
    },
    ...expectedOf(school),
    refused: REFUSED,
    expireCredentials: () => {
      simulator.expireTokens();
      simulator.vices.clientRefused = true;
    },
    shrink: () => {
      const gone = school.users.findIndex(({ sourcedId }) => sourcedId === 'S10');
      school.users.splice(gone, 1);
    },
  };
}

async function simulateZip(): Promise<Simulation> {
  const root = await tempFolder();
  const school = makeOneRosterSchool();
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
  'ONEROSTER (API 1.2)': await conformanceCases({ definition: oneRoster, simulate: () => simulateApi('1.2') }),
  'ONEROSTER (API 1.1)': await conformanceCases({ definition: oneRoster, simulate: () => simulateApi('1.1') }),
  'ONEROSTER (zip)': await conformanceCases({ definition: oneRoster, simulate: simulateZip, network: false }),
};

for (const [name, cases] of Object.entries(CONNECTORS)) {
  describe(`the connector ${name}`, () => {
    for (const { name: what, run } of cases) it(what, run);
  });
}
