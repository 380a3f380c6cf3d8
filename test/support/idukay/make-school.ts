import type { IdukayLists } from './gateway-simulator.js';

const GIVEN = ['Ana', 'José', 'Pía', 'Iñaki', 'Sofía', 'Tomás'];
const FAMILY = ['Soto', 'Ñuñez', 'Rojas', 'Pérez', 'Muñoz'];

/** A school of a few numbers, the same each time: everybody in the group of his or her course. */
export function makeIdukaySchool(options: {
  students: number;
  courses: number;
  teachers?: number;
}): IdukayLists {
  const number = (i: number) => String(i + 1).padStart(5, '0');
  const estudiantes: IdukayLists['estudiantes'] = Array.from({ length: options.students }, (_, i) => ({
    id: `EST-${number(i)}`,
    rut: rut(20_000_000 + i * 7),
    nombres: GIVEN[i % GIVEN.length] as string,
    apellidos: `${FAMILY[i % FAMILY.length]} ${i + 1}`,
    email: `est${number(i)}@colegio.example`,
    codigo_estudiante: number(i),
    fecha_matricula: '2026-03-01',
    curso_id: `CUR-${(i % options.courses) + 1}`,
    estado: 'ACTIVO',
  }));
  return {
    estudiantes,
    cursos: Array.from({ length: options.courses }, (_, i) => ({
      id: `CUR-${i + 1}`,
      nombre: `${i + 1}º Básico`,
      codigo: `B${i + 1}`,
      nivel: 'Básica',
      ano_academico: '2026',
      estado: 'ACTIVO',
    })),
    profesores: Array.from({ length: options.teachers ?? options.courses }, (_, i) => ({
      id: `PRO-${i + 1}`,
      rut: rut(9_000_000 + i * 11),
      nombres: GIVEN[(i + 3) % GIVEN.length] as string,
      apellidos: `${FAMILY[(i + 2) % FAMILY.length]} Díaz`,
      email: `pro${i + 1}@colegio.example`,
      codigo_empleado: `P${i + 1}`,
      estado: 'ACTIVO',
    })),
    grupos: Array.from({ length: options.courses }, (_, i) => ({
      id: `GRU-${i + 1}`,
      curso_id: `CUR-${i + 1}`,
      nombre: `${i + 1}º A`,
      ano_academico: '2026',
      estado: 'ACTIVO',
      estudiantes: estudiantes.filter((_student, j) => j % options.courses === i).map(({ id }) => String(id)),
    })),
  };
}

/** With its check digit, modulo 11. */
function rut(number: number): string {
  let sum = 0;
  let factor = 2;
  for (const digit of [...String(number)].reverse()) {
    sum += Number(digit) * factor;
    factor = factor === 7 ? 2 : factor + 1;
  }
  const rest = 11 - (sum % 11);
  return `${number}-${rest === 11 ? '0' : rest === 10 ? 'K' : rest}`;
}
