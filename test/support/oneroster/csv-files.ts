import { buffer } from 'node:stream/consumers';
import { stringify } from 'csv-stringify/sync';
import { ZipFile } from 'yazl';
import type { OneRosterRecord, OneRosterSchool } from './school.js';

type Mode = 'bulk' | 'delta';

const HEADERS: Readonly<Record<string, string>> = {
  orgs: 'sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId',
  academicSessions:
    'sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear',
  courses:
    'sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes',
  classes:
    'sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods',
  'users 1.2':
    'sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns',
  'users 1.1':
    'sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password',
  roles:
    'sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId',
  enrollments:
    'sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate',
};

interface Role {
  role: string;
  beginDate?: string;
  endDate?: string;
  org?: { sourcedId: string };
}

/** The files of a school as OneRoster CSV, manifest included: all of them, or `only` some. */
export function csvFilesOf(
  school: OneRosterSchool,
  { version = '1.2', mode = 'bulk' as Mode, only = undefined as readonly string[] | undefined } = {},
): Record<string, string> {
  const tables: Record<string, [header: string, rows: Record<string, unknown>[]]> = {
    orgs: [HEADERS.orgs as string, school.orgs],
    academicSessions: [HEADERS.academicSessions as string, school.academicSessions],
    courses: [HEADERS.courses as string, school.courses],
    classes: [HEADERS.classes as string, school.classes],
    users: [HEADERS[`users ${version}`] as string, school.users.map(userRow)],
    ...(version === '1.2' && { roles: [HEADERS.roles as string, school.users.flatMap(roleRows)] }),
    enrollments: [HEADERS.enrollments as string, school.enrollments],
  };
  const files: Record<string, string> = {};
  const manifest = [
    ['propertyName', 'value'],
    ['manifest.version', '1.0'],
    ['oneroster.version', version],
  ];
  for (const [name, [header, rows]] of Object.entries(tables)) {
    const isThere = only?.includes(name) ?? true;
    manifest.push([`file.${name}`, isThere ? mode : 'absent']);
    if (!isThere) continue;
    const columns = header.split(',');
    files[`${name}.csv`] = stringify([
      columns,
      ...rows.map((row) => columns.map((column) => cellOf(row, column, mode))),
    ]);
  }
  for (const name of ['categories', 'lineItems', 'results']) manifest.push([`file.${name}`, 'absent']);
  return { 'manifest.csv': stringify(manifest), ...files };
}

/** A zip of these files. Names are taken as they are, also those that no honest tool would write. */
export async function zipOf(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const zip = new ZipFile();
  const forged: [honest: string, wanted: string][] = [];
  for (const [name, content] of Object.entries(files)) {
    const isHonest = !/^\/|^[a-z]:|\.\.|\\/i.test(name);
    const honest = isHonest ? name : name.replace(/[^a-z0-9]/gi, '_');
    if (!isHonest) forged.push([honest, name]);
    zip.addBuffer(Buffer.from(content), honest);
  }
  zip.end();
  let bytes = await buffer(zip.outputStream);
  for (const [honest, wanted] of forged) {
    // Of equal length, in both places where a zip writes the name.
    bytes = Buffer.from(bytes.toString('latin1').replaceAll(honest, wanted), 'latin1');
  }
  return bytes;
}

function userRow(user: OneRosterRecord): Record<string, unknown> {
  const [first] = user.roles as Role[];
  const ids = (user.userIds ?? []) as { type: string; identifier: string }[];
  return {
    ...user,
    userIds: ids.map(({ type, identifier }) => `{${type}:${identifier}}`).join(','),
    role: first?.role,
    orgSourcedIds: first?.org?.sourcedId,
    primaryOrgSourcedId: first?.org?.sourcedId,
    password: 'never to be read',
  };
}

function roleRows(user: OneRosterRecord): Record<string, unknown>[] {
  return (user.roles as Role[]).map((role, i) => ({
    ...role,
    sourcedId: `${user.sourcedId}-role-${i}`,
    status: user.status,
    dateLastModified: user.dateLastModified,
    userSourcedId: user.sourcedId,
    orgSourcedId: role.org?.sourcedId,
  }));
}

/** `courseSourcedId` is the sourcedId of `course`, `termSourcedIds` those of `terms`. */
function cellOf(row: Record<string, unknown>, column: string, mode: Mode): string {
  if (mode === 'bulk' && (column === 'status' || column === 'dateLastModified')) return '';
  const [, single, plural] = /^(.+?)SourcedId(s)?$/.exec(column) ?? [];
  const value = row[column] ?? (single && row[plural ? `${single}s` : single]);
  const list = Array.isArray(value) ? value : [value];
  return list
    .map((one) =>
      typeof one === 'object' && one !== null ? (one as { sourcedId: string }).sourcedId : (one ?? ''),
    )
    .join(',');
}
