import { formatString } from './answer.js';
import { refuse } from './moodle-exception.js';
import { isInteger, type Parameters } from './parameters.js';
import { fullName, groupsOf, type MoodleSite, rolesOf, siteCourseId } from './site.js';
import type { MoodleCourse, MoodleEnrolment, MoodleUser } from './types.js';

/** The names `userfields` may hold; several of them, such as `suspended`, are accepted and never returned. */
const userFields = new Set(
  (
    'id,username,fullname,firstname,lastname,email,address,phone1,phone2,department,institution,interests,firstaccess,' +
    'lastaccess,lastcourseaccess,auth,suspended,confirmed,idnumber,lang,theme,timezone,mailformat,description,' +
    'descriptionformat,city,country,profileimageurlsmall,profileimageurl,customfields,groups,roles,preferences,enrolledcourses'
  ).split(','),
);

/** How many values of a list reach Moodle: PHP drops the rest without a word. */
const longestList = 1000;

type Person = { user: MoodleUser; enrolment: MoodleEnrolment };

interface View {
  site: MoodleSite;
  course: MoodleCourse;
  enrolledcourses: Map<number, unknown[]>;
}

/** What a row may hold besides id and fullname; undefined is left out. */
const participantFields: [string, (person: Person, view: View) => unknown][] = [
  ['username', ({ user }) => user.username],
  ['firstname', ({ user }) => user.firstname],
  ['lastname', ({ user }) => user.lastname],
  ['email', ({ user }, { site }) => identity(site, user.email)],
  ['department', () => ''],
  ['idnumber', ({ user }, { site }) => identity(site, user.idnumber)],
  ['firstaccess', () => 0],
  ['lastaccess', () => 0],
  ['lastcourseaccess', () => 0],
  ['profileimageurlsmall', (_person, { site }) => pictures(site).profileimageurlsmall],
  ['profileimageurl', (_person, { site }) => pictures(site).profileimageurl],
  [
    'groups',
    ({ enrolment }, { course, site }) =>
      site.vices.withoutAllGroups ? undefined : groupsOf(course, enrolment.groupIds),
  ],
  ['roles', ({ enrolment }) => rolesOf(enrolment.roles)],
  ['enrolledcourses', ({ user }, { enrolledcourses }) => enrolledcourses.get(user.id)],
];

/** core_enrol_get_enrolled_users: the page is cut first, and only then are hidden people dropped from it. */
export function getEnrolledUsers(site: MoodleSite, parameters: Parameters): unknown {
  const course = site.course(parameters.int('courseid'));
  if (site.vices.inaccessibleCourses.has(course.id)) {
    throw course.id === siteCourseId
      ? refuse.capability('View participants')
      : refuse.courseContext(course.id);
  }
  if (site.vices.unreadableCourses.has(course.id)) {
    throw refuse.capability('View participants');
  }
  const options = parameters.pairs('options');
  const fields = chosenFields(options.get('userfields'));
  if (isOn(options, 'onlyactive') && isOn(options, 'onlysuspended')) {
    throw refuse.coding('Both onlyactive and onlysuspended are set, this is probably not what you want!');
  }
  if ((isOn(options, 'onlyactive') || isOn(options, 'onlysuspended')) && site.vices.withoutEnrolReview) {
    throw refuse.capability('Review course enrolments');
  }
  // Both flags speak of the enrolment: that of a suspended account may well be active.
  const found = peopleOf(site, course, toInt(options.get('groupid'))).filter(
    ({ enrolment: { inactive = false } }) => !isOn(options, inactive ? 'onlyactive' : 'onlysuspended'),
  );
  found.sort(order(options));
  const from = toInt(options.get('limitfrom'));
  const count = toInt(options.get('limitnumber'));
  const page = found.slice(from, count === 0 ? undefined : from + count);
  const shown = page.filter(({ user }) => !site.vices.hideUsersFrom.has(user.id));
  const chosen = participantFields.filter(([name]) => wants(fields, name));
  const view = {
    site,
    course,
    enrolledcourses: wants(fields, 'enrolledcourses') ? coursesOf(site, shown) : new Map(),
  };
  return shown.map((person) => {
    const row: Record<string, unknown> = { id: person.user.id, fullname: fullName(person.user) };
    for (const [name, read] of chosen) {
      row[name] = read(person, view);
    }
    return row;
  });
}

/** core_user_get_users_by_field: people nobody has, or may see, are simply not in the answer. */
export function getUsersByField(site: MoodleSite, parameters: Parameters): unknown {
  const values = parameters.list('values').slice(0, longestList);
  return usersBy(site, parameters.text('field'), values)
    .filter((user) => !site.vices.hideUsersFrom.has(user.id))
    .sort((one, other) => one.id - other.id)
    .map((user) => profile(site, user));
}

function usersBy(site: MoodleSite, field: string, values: string[]): MoodleUser[] {
  switch (field) {
    case 'id': {
      if (!values.every(isInteger)) {
        throw refuse.parameter();
      }
      const found = [...new Set(values)].map((value) => site.user(Number(value)));
      return found.filter((user) => user !== undefined);
    }
    case 'idnumber':
    case 'username':
    case 'email': {
      const wanted = new Set(values.filter((value) => value !== ''));
      return site.everybody().filter((user) => wanted.has(user[field] ?? ''));
    }
    default:
      throw refuse.coding('invalid field parameter');
  }
}

function peopleOf(site: MoodleSite, course: MoodleCourse, groupId: number): Person[] {
  if (course.id === siteCourseId) {
    // On the front page everybody takes part, without a role.
    return site.everybody().map((user) => ({ user, enrolment: { userId: user.id, roles: [] } }));
  }
  return course.enrolments.flatMap((enrolment) => {
    const user = site.user(enrolment.userId);
    const inGroup = groupId === 0 || enrolment.groupIds?.includes(groupId) === true;
    const isApart = site.vices.withoutAllGroups && course.groupmode === 1;
    return user !== undefined && inGroup && !(isApart && user !== site.caller) ? [{ user, enrolment }] : [];
  });
}

function order(options: Map<string, string>): (one: Person, other: Person) => number {
  const direction = (options.get('sortdirection') ?? 'ASC').toUpperCase();
  if (direction !== 'ASC' && direction !== 'DESC') {
    throw refuse.parameter();
  }
  const compare = comparison(options.get('sortby') ?? 'id');
  const sign = direction === 'ASC' ? 1 : -1;
  return (one, other) => sign * compare(one.user, other.user);
}

function comparison(sortby: string): (one: MoodleUser, other: MoodleUser) => number {
  const byId = (one: MoodleUser, other: MoodleUser) => one.id - other.id;
  const byText = (key: 'firstname' | 'lastname') => (one: MoodleUser, other: MoodleUser) =>
    one[key].localeCompare(other[key]);
  switch (sortby) {
    case 'id':
      return byId;
    case 'firstname':
    case 'lastname':
      return (one, other) => byText(sortby)(one, other) || byId(one, other);
    case 'siteorder':
      return (one, other) =>
        byText('lastname')(one, other) || byText('firstname')(one, other) || byId(one, other);
    default:
      throw refuse.parameter();
  }
}

function chosenFields(text: string | undefined): Set<string> | undefined {
  if (text === undefined || text === '') {
    return undefined;
  }
  const names = text.split(',').map((name) => name.trim());
  const strange = names.find((name) => !userFields.has(name));
  if (strange !== undefined) {
    throw refuse.userField(strange);
  }
  return new Set(names);
}

function profile(site: MoodleSite, user: MoodleUser): Record<string, unknown> {
  return {
    id: user.id,
    username: user.username,
    firstname: user.firstname,
    lastname: user.lastname,
    fullname: fullName(user),
    email: identity(site, user.email),
    department: '',
    idnumber: identity(site, user.idnumber),
    firstaccess: 0,
    lastaccess: 0,
    auth: 'manual',
    suspended: user.suspended === true,
    confirmed: true,
    lang: 'en',
    theme: '',
    timezone: '99',
    mailformat: 1,
    trackforums: 0,
    ...pictures(site),
  };
}

/** An identity field is left out when it is empty or the site hides it. */
function identity(site: MoodleSite, value: string | undefined): string | undefined {
  return value === '' || site.vices.hideIdnumber ? undefined : value;
}

function pictures(site: MoodleSite) {
  const folder = `${site.url}/theme/image.php/boost/core/1/u`;
  return { profileimageurlsmall: `${folder}/f2`, profileimageurl: `${folder}/f1` };
}

function coursesOf(site: MoodleSite, people: Person[]): Map<number, unknown[]> {
  const wanted = new Set(people.map(({ user }) => user.id));
  const found = new Map<number, unknown[]>();
  for (const course of site.options.courses) {
    const brief = {
      id: course.id,
      fullname: formatString(course.fullname),
      shortname: formatString(course.shortname),
    };
    for (const { userId } of course.enrolments.filter((enrolment) => wanted.has(enrolment.userId))) {
      found.set(userId, [...(found.get(userId) ?? []), brief]);
    }
  }
  return found;
}

function wants(fields: Set<string> | undefined, name: string): boolean {
  return fields === undefined || fields.has(name);
}

function isOn(options: Map<string, string>, name: string): boolean {
  return toInt(options.get(name)) !== 0;
}

/** Options are cleaned, not checked: what is no number counts as 0, and so does a negative limit. */
function toInt(value: string | undefined): number {
  const number = Number.parseInt(value ?? '', 10);
  return Number.isNaN(number) ? 0 : Math.max(0, number);
}
