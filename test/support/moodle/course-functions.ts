import { formatString } from './answer.js';
import { refuse } from './moodle-exception.js';
import type { Parameters } from './parameters.js';
import { fullName, type MoodleSite, siteCourseId } from './site.js';
import type { MoodleAttendance, MoodleCourse } from './types.js';

const courseTime = 1735689600;
const filters = ['displayh5p', 'activitynames', 'mathjaxloader', 'emoticon', 'urltolink', 'mediaplugin'];

/** core_course_get_courses: the front page included; one inaccessible course fails the whole call. */
export function getCourses(site: MoodleSite, parameters: Parameters): unknown {
  const ids = parameters.listIn('options', 'ids')?.map(Number);
  const [first, ...rest] = site.options.courses;
  // Moodle lists courses in no useful order; the front page is among them, not before them.
  const all = first === undefined ? [site.frontPage] : [first, site.frontPage, ...rest];
  const asked = ids === undefined ? all : all.filter((course) => ids.includes(course.id));
  const closed = asked.find((course) => site.vices.inaccessibleCourses.has(course.id));
  if (closed !== undefined) {
    throw refuse.courseContext(closed.id);
  }
  return asked.map((course) => wholeCourse(course));
}

/** core_course_get_courses_by_field: leaves out what the caller may not see. */
export function getCoursesByField(site: MoodleSite, parameters: Parameters): unknown {
  const matches = courseFilter(parameters.text('field'), parameters.text('value'));
  const courses = [site.frontPage, ...site.options.courses]
    .filter((course) => matches(course) && !site.vices.inaccessibleCourses.has(course.id))
    .sort((one, other) => one.id - other.id);
  return { courses: courses.map((course) => foundCourse(site, course)), warnings: [] };
}

/** core_enrol_get_users_courses: where somebody's enrolment is active, as far as the caller may see participants. */
export function getUsersCourses(site: MoodleSite, parameters: Parameters): unknown {
  const userId = parameters.int('userid');
  const { hideUsersFrom, inaccessibleCourses, unreadableCourses } = site.vices;
  if (hideUsersFrom.has(userId)) return [];
  return site.options.courses
    .filter(({ id }) => !inaccessibleCourses.has(id) && !unreadableCourses.has(id))
    .filter(({ enrolments }) => enrolments.some((one) => one.userId === userId && !one.inactive))
    .map((course) => usersCourse(site, course));
}

function usersCourse(site: MoodleSite, course: MoodleCourse): Record<string, unknown> {
  const name = formatString(course.fullname);
  return {
    id: course.id,
    shortname: formatString(course.shortname),
    fullname: name,
    displayname: name,
    enrolledusercount: course.enrolments.length,
    idnumber: course.idnumber ?? '',
    visible: course.visible === false ? 0 : 1,
    summary: '',
    summaryformat: 0,
    format: 'topics',
    courseimage: `${site.url}/pluginfile.php/${course.id}/course/generated/course.svg`,
    showgrades: true,
    lang: '',
    enablecompletion: false,
    completionhascriteria: false,
    completionusertracked: false,
    category: categoryOf(course),
    progress: null,
    completed: null,
    startdate: course.startdate ?? 0,
    enddate: course.enddate ?? 0,
    marker: 0,
    lastaccess: null,
    isfavourite: false,
    hidden: false,
    overviewfiles: [],
    showactivitydates: false,
    showcompletionconditions: true,
    timemodified: courseTime,
  };
}

/** core_course_get_contents: the sections of a course with their activities. */
export function getContents(site: MoodleSite, parameters: Parameters): unknown {
  const course = site.course(parameters.int('courseid'));
  if (site.vices.inaccessibleCourses.has(course.id)) {
    throw refuse.courseContext(course.id);
  }
  const modname = parameters.pairs('options').get('modname');
  const modules = course.id === siteCourseId ? [] : [forum(site, course), ...attendanceModules(site, course)];
  return ['General', 'New section'].map((name, section) => ({
    id: course.id * 2 + section,
    name,
    visible: 1,
    summary: '',
    summaryformat: 1,
    section,
    hiddenbynumsections: 0,
    uservisible: true,
    component: null,
    itemid: null,
    modules:
      section === 0 ? modules.filter((module) => modname === undefined || module.modname === modname) : [],
  }));
}

function courseFilter(field: string, value: string): (course: MoodleCourse) => boolean {
  switch (field) {
    case '':
      return () => true;
    case 'id':
      return (course) => course.id === Number(value);
    case 'ids':
      return (course) => value.split(',').map(Number).includes(course.id);
    case 'shortname':
      return (course) => course.shortname === value;
    case 'idnumber':
      return (course) => (course.idnumber ?? '') === value;
    case 'category':
      return (course) => categoryOf(course) === Number(value);
    default:
      throw refuse.parameter();
  }
}

function categoryOf(course: MoodleCourse): number {
  return course.categoryid ?? 1;
}

function common(course: MoodleCourse) {
  const site = course.id === siteCourseId;
  const name = formatString(course.fullname);
  return {
    id: course.id,
    shortname: formatString(course.shortname),
    fullname: name,
    displayname: name,
    idnumber: course.idnumber ?? '',
    categoryid: categoryOf(course),
    summary: '',
    summaryformat: 0,
    format: site ? 'site' : 'topics',
    showgrades: 1,
    newsitems: 1,
    startdate: course.startdate ?? 0,
    enddate: course.enddate ?? 0,
    maxbytes: 0,
    showreports: 0,
    visible: course.visible === false ? 0 : 1,
    groupmode: course.attendance?.[0]?.groupmode ?? 0,
    groupmodeforce: 0,
    defaultgroupingid: 0,
    timecreated: courseTime,
    timemodified: courseTime,
    enablecompletion: 0,
    completionnotify: 0,
    lang: '',
    showactivitydates: false,
    showcompletionconditions: site ? null : true,
  };
}

/** A course of get_courses, as a caller with moodle/course:update gets it. */
function wholeCourse(course: MoodleCourse): Record<string, unknown> {
  const site = course.id === siteCourseId;
  const row = { ...common(course), categorysortorder: course.id, numsections: 1, forcetheme: '' };
  return site
    ? { ...row, courseformatoptions: [{ name: 'numsections', value: 1 }] }
    : { ...row, hiddensections: 1, courseformatoptions: formatOptions() };
}

/** A course of get_courses_by_field, as the same caller gets it: other keys, another order. */
function foundCourse(site: MoodleSite, course: MoodleCourse): Record<string, unknown> {
  const teachers = course.enrolments.filter((enrolment) => enrolment.roles.includes('editingteacher'));
  return {
    ...common(course),
    courseimage: `${site.url}/pluginfile.php/${course.id}/course/generated/course.svg`,
    categoryname: course.id === siteCourseId ? '' : `Category ${categoryOf(course)}`,
    sortorder: course.id,
    summaryfiles: [],
    overviewfiles: [],
    contacts: teachers.flatMap(({ userId }) => {
      const user = site.user(userId);
      return user === undefined ? [] : [{ id: user.id, fullname: fullName(user) }];
    }),
    enrollmentmethods: course.id === siteCourseId ? [] : ['manual'],
    theme: '',
    marker: 0,
    legacyfiles: 0,
    calendartype: '',
    requested: 0,
    cacherev: courseTime,
    filters: filters.map((filter) => ({ filter, localstate: 0, inheritedstate: 1 })),
    // This one is text although its neighbours are numbers.
    courseformatoptions: [...formatOptions(), { name: 'indentation', value: '1' }],
  };
}

function formatOptions(): { name: string; value: number | string }[] {
  return [
    { name: 'hiddensections', value: 1 },
    { name: 'coursedisplay', value: 0 },
  ];
}

function attendanceModules(site: MoodleSite, course: MoodleCourse) {
  return (course.attendance ?? []).map((attendance: MoodleAttendance) =>
    activity(site, {
      // The module's id is not the activity's: `instance` is.
      id: 5000 + attendance.id,
      name: attendance.name ?? 'Attendance',
      instance: attendance.id,
      modname: 'attendance',
      modplural: 'Attendances',
      purpose: 'administration',
      groupmode: attendance.groupmode ?? 0,
    }),
  );
}

function forum(site: MoodleSite, course: MoodleCourse) {
  const names = { name: 'Announcements', modname: 'forum', modplural: 'Forums', purpose: 'collaboration' };
  return activity(site, { id: 9000 + course.id, instance: course.id, groupmode: 0, ...names });
}

function activity(
  site: MoodleSite,
  own: {
    id: number;
    name: string;
    instance: number;
    modname: string;
    modplural: string;
    purpose: string;
    groupmode: number;
  },
) {
  return {
    ...own,
    name: formatString(own.name),
    url: `${site.url}/mod/${own.modname}/view.php?id=${own.id}`,
    contextid: own.id + 1000,
    visible: 1,
    uservisible: true,
    visibleoncoursepage: 1,
    modicon: `${site.url}/theme/image.php/boost/${own.modname}/1/monologo?filtericon=1`,
    branded: false,
    availability: null,
    indent: 0,
    onclick: '',
    afterlink: null,
    customdata: '""',
    noviewlink: false,
    completion: 0,
    downloadcontent: 1,
    dates: [],
  };
}
