import { z } from 'zod';
import type { AttendanceRow, AttendanceSheet, AttendanceStatus } from '../attendance-sheet.js';
import type {
  CourseRecord,
  GroupRecord,
  MembershipRecord,
  StudentRecord,
  TeacherRecord,
} from '../external-record.js';

/**
 * Records of the gateway dialect, and what they are here. Values may be missing or null; ids may be numbers.
 */
const text = z.coerce.string().nullish().catch(undefined);
const id = z
  .union([z.string(), z.number().transform(String)])
  .nullish()
  .catch(undefined);
const metadata = z.record(z.string(), z.unknown()).nullish().catch(undefined);

export const student = z.object({
  id,
  rut: text,
  nombres: text,
  apellidos: text,
  email: text,
  codigo_estudiante: text,
  fecha_matricula: text,
  curso_id: id,
  estado: text,
  metadata,
});

export const teacher = z.object({
  id,
  rut: text,
  nombres: text,
  apellidos: text,
  email: text,
  codigo_empleado: text,
  estado: text,
});

export const course = z.object({
  id,
  nombre: text,
  codigo: text,
  nivel: text,
  descripcion: text,
  ano_academico: text,
  estado: text,
  metadata,
});

export const group = z.object({
  id,
  curso_id: id,
  nombre: text,
  ano_academico: text,
  estado: text,
  estudiantes: z.array(id).nullish().catch(undefined),
});

/** ATRASADO is LATE, and so on. */
const STATUSES: Readonly<Record<AttendanceStatus, string>> = {
  PRESENT: 'PRESENTE',
  ABSENT: 'AUSENTE',
  LATE: 'ATRASADO',
  EXCUSED: 'JUSTIFICADO',
};

const isActive = (estado: string | null | undefined) =>
  !['INACTIVO', 'RETIRADO'].includes(estado?.trim().toUpperCase() ?? '');

export function toStudent(row: z.infer<typeof student>): StudentRecord {
  return {
    externalId: row.id,
    nationalId: row.rut,
    givenName: row.nombres,
    familyName: row.apellidos,
    email: row.email,
    code: row.codigo_estudiante,
    enrolledOn: row.fecha_matricula,
    active: isActive(row.estado),
    metadata: { ...row.metadata, ...(row.curso_id && { cursoId: row.curso_id }) },
  };
}

export function toTeacher(row: z.infer<typeof teacher>): TeacherRecord {
  return {
    externalId: row.id,
    nationalId: row.rut,
    givenName: row.nombres,
    familyName: row.apellidos,
    email: row.email,
    code: row.codigo_empleado,
    active: isActive(row.estado),
  };
}

export function toCourse(row: z.infer<typeof course>): CourseRecord {
  return {
    externalId: row.id,
    name: row.nombre,
    code: row.codigo,
    grade: row.nivel,
    description: row.descripcion,
    academicTerm: row.ano_academico,
    active: isActive(row.estado),
    ...(row.metadata && { metadata: row.metadata }),
  };
}

export function toGroup(row: z.infer<typeof group>): GroupRecord {
  return {
    externalId: row.id,
    name: row.nombre,
    academicTerm: row.ano_academico,
    courseExternalId: row.curso_id,
    active: isActive(row.estado),
  };
}

export function toMemberships({ id: groupId, estudiantes }: z.infer<typeof group>): MembershipRecord[] {
  return (estudiantes ?? []).map((studentId) => ({
    groupExternalId: groupId,
    personExternalId: studentId,
    role: 'STUDENT',
  }));
}

/** One mark as IDUKAY takes it. */
export function toAsistencia(sheet: AttendanceSheet, courseId: string, row: AttendanceRow): object {
  return {
    estudiante_id: row.externalId,
    curso_id: courseId,
    fecha: sheet.date,
    hora_inicio: sheet.startsAt.toISOString(),
    hora_fin: sheet.endsAt.toISOString(),
    estado: STATUSES[row.status],
    ...(row.permanencePercentage !== undefined && { porcentaje_permanencia: row.permanencePercentage }),
    ...(row.remarks && { observaciones: row.remarks }),
    metadata: { sesion_id: sheet.sessionId, ...(row.origin && { origen: row.origin }) },
  };
}
