import type { FileKind } from './csv-config.js';

const ID = ['id', 'externalid', 'idexterno', 'identificador', 'codigointerno', 'sourcedid'];
const CODE = ['code', 'codigo', 'cod', 'shortname', 'sigla'];
const NAME = ['name', 'nombre', 'title', 'titulo'];
const TERM = [
  'academicterm',
  'anoacademico',
  'ano',
  'anoescolar',
  'year',
  'schoolyear',
  'term',
  'periodo',
  'semestre',
];
const STATUS = ['status', 'estado', 'activo', 'active', 'situacion', 'enabled'];

const PERSON: Readonly<Record<string, readonly string[]>> = {
  nationalId: [
    'rut',
    'run',
    'rutrun',
    'rutalumno',
    'nationalid',
    'idnacional',
    'cedula',
    'cedulaidentidad',
    'dni',
    'documento',
    'idcard',
  ],
  givenName: ['nombres', 'nombre', 'firstname', 'givenname', 'givennames', 'first', 'primernombre', 'name'],
  familyName: ['apellidos', 'apellido', 'lastname', 'familyname', 'surname', 'surnames', 'last'],
  paternalName: ['apellidopaterno', 'paterno', 'primerapellido', 'apepaterno', 'appaterno'],
  maternalName: ['apellidomaterno', 'materno', 'segundoapellido', 'apematerno', 'apmaterno', 'secondsurname'],
  email: ['email', 'mail', 'correo', 'correoelectronico', 'emailaddress', 'correoinstitucional'],
  status: STATUS,
};

/**
 * Field -> headers it is known by, folded: lower case, without accents, spaces and punctuation. The first
 * match counts.
 */
export const SYNONYMS: Readonly<Record<FileKind, Readonly<Record<string, readonly string[]>>>> = {
  students: {
    externalId: [...ID, 'studentid', 'idalumno', 'alumnoid', 'idestudiante', 'estudianteid', 'userid'],
    ...PERSON,
    code: [
      ...CODE,
      'studentcode',
      'codigoestudiante',
      'codigoalumno',
      'matricula',
      'nummatricula',
      'numeromatricula',
    ],
    enrolledOn: [
      'fechamatricula',
      'fechadematricula',
      'enrolledon',
      'enrolmentdate',
      'enrollmentdate',
      'fechaingreso',
    ],
    birthDate: [
      'fechanacimiento',
      'fechadenacimiento',
      'birthdate',
      'dateofbirth',
      'dob',
      'birthday',
      'nacimiento',
    ],
    groupExternalId: [
      'grupoid',
      'idgrupo',
      'grupo',
      'groupid',
      'group',
      'classid',
      'class',
      'section',
      'seccion',
    ],
  },
  teachers: {
    externalId: [...ID, 'teacherid', 'idprofesor', 'profesorid', 'iddocente', 'docenteid', 'userid'],
    ...PERSON,
    code: [...CODE, 'teachercode', 'employeecode', 'codigoempleado', 'codigoprofesor', 'codigodocente'],
  },
  courses: {
    externalId: [...ID, 'courseid', 'idcurso', 'cursoid', 'idasignatura', 'asignaturaid'],
    name: [...NAME, 'fullname', 'curso', 'asignatura', 'course', 'nombrecurso'],
    code: [...CODE, 'coursecode', 'codigocurso'],
    grade: ['grade', 'grado', 'nivel', 'level', 'grades'],
    academicTerm: TERM,
    description: ['description', 'descripcion', 'summary'],
    status: STATUS,
  },
  groups: {
    externalId: [...ID, 'groupid', 'idgrupo', 'grupoid', 'classid', 'seccionid', 'idseccion'],
    name: [...NAME, 'grupo', 'group', 'class', 'seccion', 'section', 'nombregrupo'],
    code: [...CODE, 'groupcode', 'classcode', 'codigogrupo'],
    courseExternalId: [
      'cursoid',
      'idcurso',
      'courseid',
      'curso',
      'course',
      'coursesourcedid',
      'asignaturaid',
      'idasignatura',
    ],
    teacherExternalId: [
      'profesorid',
      'idprofesor',
      'teacherid',
      'docenteid',
      'iddocente',
      'profesorjefe',
      'profesor',
      'teacher',
    ],
    academicTerm: TERM,
    status: STATUS,
  },
  memberships: {
    groupExternalId: [
      'grupoid',
      'idgrupo',
      'grupo',
      'groupid',
      'group',
      'classid',
      'class',
      'classsourcedid',
      'seccionid',
    ],
    personExternalId: [
      'personaid',
      'idpersona',
      'persona',
      'personid',
      'person',
      'userid',
      'usersourcedid',
      'usuarioid',
      'id',
    ],
    studentExternalId: [
      'alumnoid',
      'idalumno',
      'alumno',
      'estudianteid',
      'idestudiante',
      'studentid',
      'student',
    ],
    teacherExternalId: [
      'profesorid',
      'idprofesor',
      'profesor',
      'docenteid',
      'iddocente',
      'teacherid',
      'teacher',
    ],
    role: ['rol', 'role', 'tipo', 'type', 'funcion'],
  },
};

/**
 * The same in a school without groups.csv: there a column of students.csv says which groups there are, or two
 * of them, as `Curso` and `Letra`.
 */
export const GROUPS_OF_STUDENTS: Readonly<Record<string, readonly string[]>> = {
  groupExternalId: ['grupoid', 'idgrupo', 'grupo', 'groupid', 'group', 'classid', 'class'],
  groupCourse: [
    'curso',
    'nombrecurso',
    'cursoactual',
    'cursoid',
    'idcurso',
    'descgrado',
    'course',
    'coursename',
    'classname',
  ],
  groupLetter: ['letra', 'letracurso', 'letradelcurso', 'paralelo', 'seccion', 'section'],
};

/** What a file cannot do without; each entry is a choice of fields. */
export const REQUIRED: Readonly<Record<FileKind, readonly (readonly string[])[]>> = {
  students: [
    ['externalId', 'code', 'nationalId'],
    ['givenName', 'familyName', 'paternalName'],
  ],
  teachers: [
    ['externalId', 'code', 'nationalId'],
    ['givenName', 'familyName', 'paternalName'],
  ],
  courses: [['externalId', 'code'], ['name']],
  groups: [['externalId', 'code'], ['name']],
  memberships: [['groupExternalId'], ['personExternalId', 'studentExternalId', 'teacherExternalId']],
};

/**
 * Lower case, without accents, spaces and punctuation: `Fecha de Matrícula` and `fecha_de_matricula` are one.
 */
export function fold(header: string): string {
  return header
    .normalize('NFD')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
}
