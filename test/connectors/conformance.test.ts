import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { genericCsv } from '../../src/connectors/generic-csv/index.js';
import { idukay } from '../../src/connectors/idukay/index.js';
import { MappingEntityType } from '../../src/connectors/index.js';
import { moodle } from '../../src/connectors/moodle/index.js';
import { conformanceCases, type Simulation } from '../../src/connectors/testkit/index.js';
import { createPathJail } from '../../src/security/index.js';
import { IdukayGateway, IdukayTokenApi, makeIdukaySchool } from '../support/idukay/index.js';
import { MoodleSimulator, type MoodleUser, makeMoodleSchool } from '../support/moodle/index.js';
import { S3Simulator } from '../support/s3-bucket/index.js';
import { sheetOf } from '../support/sheet.js';
import { tempFolder } from '../support/temp-folder.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;

function simulateMoodle(): Simulation {
  const school = makeMoodleSchool({ courses: 3, students: 24, coursesPerStudent: 2 });
  const suspended = school.users.find(({ username }) => username.startsWith('s')) as MoodleUser;
  Object.assign(suspended, { suspended: true });
  const simulator = new MoodleSimulator(school);
  const [course] = school.courses;
  const idsOf = (letter: string) =>
    school.users.filter(({ username }) => username.startsWith(letter)).map(({ id }) => String(id));
  const enrolled = course?.enrolments.filter(
    ({ roles, groupIds }) => roles.includes('student') && groupIds?.includes(1),
  );
  return {
    handle: simulator.handle,
    settings: (url, timeout) => ({
      config: { apiUrl: url, timeout, pageSize: 5 },
      credentials: { wsToken: simulator.token },
    }),
    expected: {
      COURSE: school.courses.map(({ id }) => String(id)),
      GROUP: school.courses.flatMap(({ groups = [] }) => groups.map(({ id }) => String(id))),
      STUDENT: idsOf('s'),
      TEACHER: idsOf('t'),
    },
    expectedMemberships: {
      STUDENT: school.courses.flatMap(({ enrolments }) =>
        enrolments.flatMap(({ userId, roles, groupIds = [] }) =>
          roles.includes('student') ? groupIds.map((id) => [String(id), String(userId)] as const) : [],
        ),
      ),
    },
    inactive: { STUDENT: [String(suspended.id)], TEACHER: [] },
    absentId: '99999',
    refused: [
      { config: { apiUrl: 'no address' } },
      { config: { apiUrl: 'ftp://aula.example' } },
      { config: { timeout: 0 } },
      { config: { pageSize: 0 } },
      { config: { courseFilter: { ids: ['a'] } } },
      { config: { statusAcronyms: { PRESENTE: 'P' } } },
      { config: { wsfunction: 'x' } },
      { credentials: { wsToken: '' } },
      { credentials: { token: 'x' } },
    ],
    expireCredentials: () => Object.assign(simulator.vices, { tokenState: 'invalid' }),
    failSoftly: () => Object.assign(simulator.vices, { databaseDown: true }),
    shrink: () => {
      for (const { enrolments } of school.courses) enrolments.splice(-3);
    },
    sheet: () =>
      sheetOf(
        (enrolled ?? []).map(({ userId }) => String(userId)),
        String(course?.id),
        '1',
      ),
    countMarks: () => [...simulator.sessions.values()].reduce((sum, { log }) => sum + log.size, 0),
  };
}

function simulateGateway(): Simulation {
  const lists = makeIdukaySchool({ students: 24, courses: 3 });
  const simulator = new IdukayGateway({ lists });
  const { apiKey, institutionCode } = simulator;
  const students = lists.estudiantes.map(({ id }) => String(id));
  Object.assign(lists.estudiantes[3] as object, { estado: 'RETIRADO' });
  return {
    handle: simulator.handle,
    settings: (url, timeout) => ({
      config: { apiUrl: url, timeout, pageSize: 5 },
      credentials: { apiKey, institutionCode },
    }),
    expected: {
      COURSE: lists.cursos.map(({ id }) => id),
      GROUP: (lists.grupos ?? []).map(({ id }) => id),
      STUDENT: students,
      TEACHER: (lists.profesores ?? []).map(({ id }) => id),
    },
    expectedMemberships: {
      STUDENT: (lists.grupos ?? []).flatMap(({ id, estudiantes = [] }) =>
        estudiantes.map((student) => [id, student] as const),
      ),
    },
    inactive: { STUDENT: [students[3] as string], COURSE: [], GROUP: [], TEACHER: [] },
    declaresTotals: [COURSE, GROUP, STUDENT, TEACHER],
    refused: [
      { config: { apiUrl: 'no address' } },
      { config: { dialect: 'spanish' } },
      { config: { retryAttempts: 100 } },
      { config: { pageSize: 5_000 } },
      { config: { token: 'x' } },
      { credentials: { apiKey: '' } },
      { credentials: { password: 'x' } },
    ],
    expireCredentials: () => Object.assign(simulator.vices, { keyState: 'refused' }),
    failSoftly: () => Object.assign(simulator.vices, { failing: true }),
    shrink: () => lists.estudiantes.splice(-3),
    sheet: () => sheetOf(students.slice(0, 12), 'CUR-1', 'GRU-1'),
    countMarks: () => simulator.marks.size,
  };
}

function simulateTokenApi(): Simulation {
  const hex = (n: number) => n.toString(16).padStart(24, '0');
  const members = (from: number) =>
    Array.from({ length: 5 }, (_, i) => ({
      _id: hex(from + i),
      user: { _id: hex(from + 100 + i), name: 'Ana', surname: `Soto ${i}` },
    }));
  const simulator = new IdukayTokenApi({ students: members(1_000), staff: members(2_000) });
  return {
    handle: simulator.handle,
    settings: (url, timeout) => ({
      config: { apiUrl: url, timeout, dialect: 'token' },
      credentials: { apiKey: simulator.token },
    }),
    expected: {
      STUDENT: simulator.lists.students.map(({ user }) => user?._id as string),
      TEACHER: simulator.lists.staff.map(({ user }) => user?._id as string),
    },
    refused: [{ credentials: { apiKey: '' } }],
    failSoftly: () => {
      simulator.errors = ['Servicio no disponible'];
    },
  };
}

const HEADS = {
  students: 'id,nombres,apellidos',
  teachers: 'id,nombres,apellidos',
  courses: 'id,nombre',
  groups: 'id,nombre',
};
const KINDS = Object.keys(HEADS) as (keyof typeof HEADS)[];
const IDS = Array.from({ length: 40 }, (_, i) => `E${i + 1}`);
const rowOf = (kind: keyof typeof HEADS, id: string) =>
  [
    id,
    ...HEADS[kind]
      .split(',')
      .slice(1)
      .map(() => 'Ana'),
  ].join(',');
/** Everybody is in the group of the same id; the last student has left. */
const csvFiles = () => ({
  ...Object.fromEntries(
    KINDS.map((kind) => [
      `${kind}.csv`,
      [`${HEADS[kind]},estado`, ...IDS.map((id) => `${rowOf(kind, id)},${stateOf(kind, id)}`)].join('\n'),
    ]),
  ),
  'memberships.csv': [
    'grupo_id,persona_id,rol',
    ...IDS.flatMap((id) => [`${id},${id},alumno`, `${id},${id},profesor`]),
  ].join('\n'),
});
const LEFT = IDS.at(-1) as string;
const stateOf = (kind: keyof typeof HEADS, id: string) =>
  kind === 'students' && id === LEFT ? 'RETIRADO' : 'ACTIVO';
const PAIRS = IDS.map((id) => [id, id] as const);
const csvExpected: Pick<Simulation, 'expected' | 'expectedMemberships' | 'inactive'> = {
  expected: { COURSE: IDS, GROUP: IDS, STUDENT: IDS, TEACHER: IDS },
  expectedMemberships: { STUDENT: PAIRS, TEACHER: PAIRS },
  inactive: { COURSE: [], GROUP: [], STUDENT: [LEFT], TEACHER: [] },
};
const lines = (text: string) => text.trim().split('\r\n').length - 1;

async function simulateFolder(): Promise<Simulation> {
  const root = await tempFolder();
  for (const folder of ['in', 'out']) await mkdir(join(root, folder));
  for (const [name, text] of Object.entries(csvFiles())) await writeFile(join(root, 'in', name), text);
  return {
    settings: () => ({ config: { importPath: 'in', exportPath: 'out' }, credentials: {} }),
    files: createPathJail(root),
    ...csvExpected,
    refused: [
      { config: { importPath: '' } },
      { config: { importPath: undefined } },
      { config: { columns: { pupils: {} } } },
      { credentials: { awsAccessKey: 'only one' } },
    ],
    sheet: () => sheetOf(IDS, 'C1', 'G1'),
    countMarks: async () => {
      const [name] = await readdir(join(root, 'out'));
      return name ? lines(await readFile(join(root, 'out', name), 'utf8')) : 0;
    },
  };
}

function simulateS3(): Simulation {
  const keys = { accessKey: 'AKIATEST', secretKey: 'very-secret' };
  const simulator = new S3Simulator(keys);
  for (const [name, text] of Object.entries(csvFiles())) simulator.put('school', `exports/${name}`, text);
  return {
    handle: simulator.handle,
    settings: (url, timeout) => ({
      config: { s3Bucket: 'school', s3Prefix: 'exports', s3Endpoint: url, s3ForcePathStyle: true, timeout },
      credentials: { awsAccessKey: keys.accessKey, awsSecretKey: keys.secretKey },
    }),
    ...csvExpected,
    refused: [
      { config: { s3Bucket: 'No Bucket' } },
      { config: { s3Endpoint: 'nowhere' } },
      { credentials: { awsSecretKey: undefined } },
    ],
    expireCredentials: () => Object.assign(keys, { secretKey: 'another-secret' }),
    shrink: () => simulator.put('school', 'exports/students.csv', `${HEADS.students}\nE1,Ana,Soto\n`),
    sheet: () => sheetOf(IDS, 'C1', 'G1'),
    countMarks: () => {
      const [object] = [...(simulator.buckets.get('school') ?? [])].flatMap(([key, { body }]) =>
        key.includes('attendance') ? body : [],
      );
      return object ? lines(object.toString()) : 0;
    },
  };
}

const CONNECTORS = {
  MOODLE: await conformanceCases({ definition: moodle, simulate: simulateMoodle }),
  'IDUKAY (gateway)': await conformanceCases({ definition: idukay, simulate: simulateGateway }),
  'IDUKAY (token)': await conformanceCases({ definition: idukay, simulate: simulateTokenApi }),
  'GENERIC_CSV in a folder': await conformanceCases({
    definition: genericCsv,
    simulate: simulateFolder,
    network: false,
  }),
  'GENERIC_CSV on S3': await conformanceCases({ definition: genericCsv, simulate: simulateS3 }),
};

for (const [name, cases] of Object.entries(CONNECTORS)) {
  describe(`the connector ${name}`, () => {
    for (const { name: what, run } of cases) it(what, run);
  });
}
