import type { MoodleCourse, MoodleEnrolment, MoodleUser } from './types.js';

const firstNames = ['Lucía', 'Mateo', 'Noé', 'Amélie', 'Søren', 'Iker', 'Ximena', 'Joaquín', 'Nayra', 'Zoë'];
const lastNames = [
  'Quispe',
  "D'Angelo",
  'Ferrão',
  'Huanca Ríos',
  'Nuñez',
  'Björklund',
  'Salas',
  'Villca',
  'Açoreano',
];
const subjects = [
  'Lenguaje',
  'Álgebra & Geometría',
  'Historia',
  'Música',
  'Física',
  'Taller <aula 2>',
  'Inglés',
];

/** Ids below belong to the site's own accounts. */
const firstUserId = 10;
const firstCourseId = 2;

/**
 * A school built from a few numbers, the same each time: students spread evenly over the courses, two groups
 * a course, one editing teacher a course, and one attendance activity a course, whose sessions may have a
 * group or none.
 */
export function makeMoodleSchool(options: {
  courses: number;
  students: number;
  coursesPerStudent?: number;
  teachers?: number;
}): {
  courses: MoodleCourse[];
  users: MoodleUser[];
} {
  const teachers = Array.from({ length: options.teachers ?? options.courses }, (_, index) =>
    person('T', index, firstUserId + index),
  );
  const firstStudentId = firstUserId + teachers.length;
  const students = Array.from({ length: options.students }, (_, index) =>
    person('S', index, firstStudentId + index),
  );
  const courses = Array.from({ length: options.courses }, (_, index) =>
    course(index, teachers[index % Math.max(1, teachers.length)]),
  );
  const each = Math.min(options.coursesPerStudent ?? 1, courses.length);
  students.forEach((student, index) => {
    for (let turn = 0; turn < each; turn += 1) {
      const target = courses[(index + turn) % courses.length];
      target?.enrolments.push(enrol(student, target));
    }
  });
  return { courses, users: [...teachers, ...students] };
}

function person(letter: 'S' | 'T', index: number, id: number): MoodleUser {
  const number = String(index + 1).padStart(6, '0');
  const username = `${letter.toLowerCase()}${number}`;
  return {
    id,
    username,
    firstname: pick(firstNames, index),
    lastname: `${pick(lastNames, index)} ${index + 1}`,
    email: `${username}@school.example`,
    idnumber: `${letter}${number}`,
  };
}

function course(index: number, teacher: MoodleUser | undefined): MoodleCourse {
  const number = index + 1;
  return {
    id: firstCourseId + index,
    shortname: `C${String(number).padStart(4, '0')}`,
    fullname: `${pick(subjects, index)} ${number}`,
    idnumber: `COURSE-${String(number).padStart(4, '0')}`,
    categoryid: 1,
    startdate: 1772409600,
    enddate: 1796083200,
    groups: ['A', 'B'].map((letter, position) => ({ id: index * 2 + 1 + position, name: `Group ${letter}` })),
    enrolments: teacher === undefined ? [] : [{ userId: teacher.id, roles: ['editingteacher'] }],
    attendance: [{ id: number, name: 'Attendance', groupmode: 2 }],
  };
}

/** Students of a course go to its two groups in turn. */
function enrol(student: MoodleUser, course: MoodleCourse): MoodleEnrolment {
  const group = course.groups?.[course.enrolments.length % 2];
  return { userId: student.id, roles: ['student'], ...(group === undefined ? {} : { groupIds: [group.id] }) };
}

function pick(list: string[], index: number): string {
  return list[index % list.length] ?? '';
}
