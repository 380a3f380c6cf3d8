import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { IdukayGateway, type IdukayLists } from '../../test/support/idukay/index.js';
import { listenOn } from '../../test/support/listen.js';
import { type MoodleCourse, MoodleSimulator, type MoodleUser } from '../../test/support/moodle/index.js';
import { packageRoot } from '../package-root.js';

/** Colegio San Martín in one of the systems a school may use. */
export interface SchoolSystem {
  provider: string;
  title: string;
  config: Record<string, unknown>;
  credentials: Record<string, string>;
  /** Somebody in the school corrects the family name of one student. */
  correctName(): Promise<void>;
  /** By accident only some of the students are there, until what it returns is called. */
  losePart?(): Promise<() => Promise<void>>;
  /** What it holds of a session that was sent, for a person to read. */
  show(): Promise<string[]>;
  close(): Promise<void>;
}

const FOLDER = join(packageRoot, 'examples/colegio-san-martin');
const CORRECTED = 'Güell de la Fuente';

/** The files themselves, in a folder of the service. */
export async function openFolder(root: string): Promise<SchoolSystem> {
  const [from, to] = [join(root, 'import'), join(root, 'export')];
  await cp(FOLDER, from, { recursive: true });
  await mkdir(to);
  return {
    provider: 'GENERIC_CSV',
    title: 'CSV files in a folder',
    config: { importPath: 'import', exportPath: 'export', timeZone: 'America/Santiago' },
    credentials: {},
    async correctName() {
      const file = join(from, 'students.csv');
      const text = await readFile(file, 'latin1');
      await writeFile(file, text.replace(';Güell;', `;${CORRECTED};`), 'latin1');
    },
    async losePart() {
      const file = join(from, 'students.csv');
      const whole = await readFile(file, 'latin1');
      const lines = whole.split('\r\n');
      // Cut between two rows, where nothing in the file tells.
      await writeFile(file, `${lines.slice(0, 200).join('\r\n')}\r\n`, 'latin1');
      return () => writeFile(file, whole, 'latin1');
    },
    async show() {
      const [name] = await readdir(to);
      if (!name) return [];
      const lines = (await readFile(join(to, name), 'utf8')).split('\r\n').slice(0, 4);
      return [name, ...lines.map((line) => `  ${line.replace('\uFEFF', '')}`), '  …'];
    },
    close: async () => {},
  };
}

/**
 * A Moodle on this machine with the same people, a course with an attendance activity for each course of the
 * files.
 */
export async function openMoodle(): Promise<SchoolSystem> {
  const { students, teachers, courses, groups, members } = await readSchool();
  const users: MoodleUser[] = [...teachers, ...students].map(({ id, nombres, apellidos, correo }, index) => {
    return {
      id: 10 + index,
      username: id.toLowerCase(),
      firstname: nombres,
      lastname: apellidos,
      email: correo,
      idnumber: id,
    };
  });
  const userIds = new Map(users.map(({ id, idnumber }) => [idnumber, id]));
  const moodleCourses = courses.map(({ id, nombre, código }, index): MoodleCourse => {
    const group = { id: index + 1, name: groups[index]?.nombre ?? nombre };
    const enrolments = members
      .filter(({ grupo_id }) => grupo_id === groups[index]?.id)
      .map(({ persona_id, rol }) => ({
        userId: userIds.get(persona_id) as number,
        roles: [rol === 'alumno' ? 'student' : 'editingteacher'],
        groupIds: [group.id],
      }));
    const attendance = [{ id: index + 1, name: 'Asistencia', groupmode: 2 as const }];
    return {
      id: index + 2,
      shortname: código,
      fullname: nombre,
      idnumber: id,
      groups: [group],
      enrolments,
      attendance,
    };
  });
  const moodle = new MoodleSimulator({ courses: moodleCourses, users, siteName: 'Aula San Martín' });
  const server = await listenOn(moodle.handle);
  return {
    provider: 'MOODLE',
    title: 'Moodle',
    config: { apiUrl: server.url },
    credentials: { wsToken: moodle.token },
    async correctName() {
      const user = users.find(({ idnumber }) => idnumber === 'E1002');
      if (user) user.lastname = CORRECTED;
    },
    async show() {
      const [session] = moodle.sessions.values();
      return session ? [`${session.log.size} marks in session ${session.id}: ${session.description}`] : [];
    },
    close: () => server.close(),
  };
}

/** IDUKAY on this machine with the same people. */
export async function openIdukay(): Promise<SchoolSystem> {
  const { students, teachers, courses, groups, members } = await readSchool();
  const active = { estado: 'ACTIVO' as const, ano_academico: '2026' };
  const lists: IdukayLists = {
    estudiantes: students.map(({ id, rut, nombres, apellidos, correo }) => {
      return {
        id,
        rut,
        nombres,
        apellidos,
        email: correo,
        codigo_estudiante: id,
        fecha_matricula: '2026-03-02',
        estado: 'ACTIVO',
      };
    }),
    profesores: teachers.map(({ id, rut, nombres, apellidos, correo }) => {
      return { id, rut, nombres, apellidos, email: correo, codigo_empleado: id, estado: 'ACTIVO' };
    }),
    cursos: courses.map(({ id, nombre, código, nivel }) => ({
      id,
      nombre,
      codigo: código,
      nivel,
      ...active,
    })),
    grupos: groups.map(({ id, nombre, curso_id }) => {
      const inGroup = members.filter(({ grupo_id, rol }) => grupo_id === id && rol === 'alumno');
      return { id, nombre, curso_id, ...active, estudiantes: inGroup.map(({ persona_id }) => persona_id) };
    }),
  };
  const gateway = new IdukayGateway({ lists });
  const server = await listenOn(gateway.handle);
  return {
    provider: 'IDUKAY',
    title: 'IDUKAY',
    config: { apiUrl: server.url, pageSize: 1_000 },
    credentials: { apiKey: gateway.apiKey, institutionCode: gateway.institutionCode },
    async correctName() {
      const student = lists.estudiantes.find(({ id }) => id === 'E1002');
      if (student) student.apellidos = CORRECTED;
    },
    async show() {
      const [mark] = gateway.marks.values();
      return [`${gateway.marks.size} marks, the first one: ${JSON.stringify(mark)}`];
    },
    close: () => server.close(),
  };
}

type Row = Record<string, string>;
type Person = Row & Record<'id' | 'rut' | 'nombres' | 'apellidos' | 'correo', string>;

/** The school without its faults: what a system that checks its input would hold of it. */
async function readSchool() {
  const [students, teachers, courses, groups, members] = await Promise.all([
    read('students.csv', ';', 'latin1'),
    read('teachers.csv'),
    read('courses.csv'),
    read('groups.csv'),
    read('memberships.csv'),
  ]);
  const people = new Set<string>();
  const isNew = ({ id, nombres }: Row) => !!id && !!nombres && !people.has(id) && !!people.add(id);
  const toPerson = (row: Row) => {
    const apellidos = row.apellidos ?? `${row['apellido paterno']} ${row['apellido materno']}`;
    return { ...row, id: row.id ?? row.código, apellidos } as Person;
  };
  return {
    students: students.map(toPerson).filter(isNew),
    teachers: teachers.map(toPerson).filter(isNew),
    courses: courses as (Row & Record<'id' | 'nombre' | 'código' | 'nivel', string>)[],
    groups: groups as (Row & Record<'id' | 'nombre' | 'curso_id', string>)[],
    members: members.filter(({ persona_id }) => people.has(persona_id ?? '')) as (Row &
      Record<'grupo_id' | 'persona_id' | 'rol', string>)[],
  };
}

async function read(name: string, delimiter = ',', encoding: 'utf8' | 'latin1' = 'utf8'): Promise<Row[]> {
  const text = await readFile(join(FOLDER, name), encoding);
  return parse(text, { columns: true, delimiter, bom: true, relax_column_count: true });
}
