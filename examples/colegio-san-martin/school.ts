import { BOYS, GIRLS, LEVELS, SUBJECTS, SURNAMES } from './names.js';

/** Files by name, as they are committed beside the script. */
export type SchoolFiles = Record<string, Buffer>;

const STUDENTS = 1_200;
const TEACHERS = 60;
const YEAR = 2026;

/** The same numbers on every machine (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

interface Person {
  id: string;
  rut: string;
  given: string;
  paternal: string;
  maternal: string;
  email: string;
}

/**
 * Colegio San Martín: 1,200 lines of students, 60 of teachers, 48 courses, 48 groups, and who is in which.
 * Twelve faults are put in on purpose; README.md beside it lists them.
 */
export function generateSchool(): SchoolFiles {
  const random = createRandom(20_260_302);
  const pick = <T>(list: readonly T[]) => list[random(list.length)] as T;
  const person = (id: string, rutBase: number): Person => {
    const given = `${pick(random(2) ? GIRLS : BOYS)} ${pick(random(2) ? GIRLS : BOYS)}`;
    const [paternal, maternal] = [pick(SURNAMES), pick(SURNAMES)];
    return {
      id,
      rut: withCheckDigit(rutBase),
      given,
      paternal,
      maternal,
      email: `${ascii(`${given.split(' ')[0]}.${paternal}`)}.${id.toLowerCase()}@sanmartin.example`,
    };
  };
  const students = Array.from({ length: STUDENTS }, (_, i) =>
    person(`E${1001 + i}`, 22_000_000 + i * 1_009 + random(900)),
  );
  const teachers = Array.from({ length: TEACHERS }, (_, i) =>
    person(`P${101 + i}`, 9_000_000 + i * 50_021 + random(40_000)),
  );

  const studentLines = students.map((student) => {
    const born = day(2008 + random(12), random);
    const enrolled = day(YEAR, random, 3);
    return [
      student.id,
      student.rut,
      student.given,
      student.paternal,
      student.maternal,
      student.email,
      enrolled,
      born,
      'ACTIVO',
      `+56 9 ${1000 + random(9000)} ${1000 + random(9000)}`,
    ];
  });
  const kept = new Set(students.map(({ id }) => id));
  putStudentFaults(studentLines, kept);

  const teacherLines = teachers.map(({ id, rut, given, paternal, maternal, email }) => [
    id,
    rut,
    given,
    `${paternal} ${maternal}`,
    email,
    'ACTIVO',
  ]);
  at(teacherLines, 20)[4] = 'profesora@@sanmartin';
  at(teacherLines, 41)[0] = at(teacherLines, 12)[0] as string;

  const courseLines = LEVELS.flatMap((level, l) =>
    SUBJECTS.map((subject, s) => [
      `C${l + 1}-${s + 1}`,
      `${subject} ${level}`,
      `${ascii(subject).slice(0, 3).toUpperCase()}${l + 1}`,
      level,
      String(YEAR),
      `${subject}, ${level}: plan común`,
    ]),
  );
  const groupLines = courseLines.map(([id, name], i) => [
    `G${i + 1}`,
    `${name} A`,
    id as string,
    String(YEAR),
  ]);
  at(groupLines, 31)[2] = 'C99-9';

  const memberLines: string[][] = [];
  students.forEach(({ id }, i) => {
    if (kept.has(id)) memberLines.push([`G${(i % groupLines.length) + 1}`, id, 'alumno']);
  });
  const knownTeachers = teachers.map(({ id }) => id).filter((_, i) => i !== 39);
  for (const [i, [group]] of groupLines.entries()) {
    memberLines.push([group as string, knownTeachers[i % knownTeachers.length] as string, 'profesor']);
  }
  at(memberLines, 501)[1] = 'E9999';

  return {
    'students.csv': Buffer.from(
      csv(
        [
          'código',
          'rut',
          'nombres',
          'apellido paterno',
          'apellido materno',
          'correo',
          'fecha matrícula',
          'fecha nacimiento',
          'estado',
          'teléfono',
        ],
        studentLines,
        ';',
        '\r\n',
      ),
      'latin1',
    ),
    'teachers.csv': Buffer.from(
      `\uFEFF${csv(['id', 'rut', 'nombres', 'apellidos', 'correo', 'estado'], teacherLines, ',', '\r\n')}`,
    ),
    'courses.csv': Buffer.from(
      csv(['id', 'nombre', 'código', 'nivel', 'año académico', 'descripción'], courseLines, ',', '\n'),
    ),
    'groups.csv': Buffer.from(csv(['id', 'nombre', 'curso_id', 'año académico'], groupLines, ',', '\n')),
    'memberships.csv': Buffer.from(csv(['grupo_id', 'persona_id', 'rol'], memberLines, ',', '\n')),
  };
}

/** Rows by the line they stand on in their file: the header is line 1. */
function at(lines: string[][], line: number): string[] {
  return lines[line - 2] as string[];
}

function putStudentFaults(lines: string[][], kept: Set<string>): void {
  const leaves = (line: number) => kept.delete(at(lines, line)[0] as string);
  at(lines, 45)[5] = 'mateo.rojas@';
  at(lines, 130)[1] = wrongCheckDigit(at(lines, 130)[1] as string);
  leaves(222);
  at(lines, 222).splice(2, 3, '', '', '');
  leaves(318);
  at(lines, 318)[0] = '';
  leaves(407);
  at(lines, 407)[0] = at(lines, 400)[0] as string;
  leaves(590);
  at(lines, 590).splice(6);
  at(lines, 777)[6] = '31/02/2026';
  at(lines, 1_003)[8] = 'SUSPENSO';
}

function csv(header: string[], lines: string[][], delimiter: string, end: string): string {
  const cell = (text: string) =>
    text.includes(delimiter) || text.includes('"') ? `"${text.replaceAll('"', '""')}"` : text;
  return [header, ...lines].map((line) => line.map(cell).join(delimiter) + end).join('');
}

function day(year: number, random: (below: number) => number, month = 1 + random(12)): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(1 + random(28))}/${two(month)}/${year}`;
}

function withCheckDigit(digits: number): string {
  let sum = 0;
  [...String(digits)].reverse().forEach((digit, i) => {
    sum += Number(digit) * (2 + (i % 6));
  });
  const rest = 11 - (sum % 11);
  return `${digits}-${rest === 11 ? '0' : rest === 10 ? 'K' : rest}`;
}

function wrongCheckDigit(rut: string): string {
  return rut.replace(/.$/, (digit) => (digit === '7' ? '8' : '7'));
}

function ascii(text: string): string {
  return text
    .normalize('NFD')
    .replace(/[^a-zA-Z.]/g, '')
    .toLowerCase();
}
