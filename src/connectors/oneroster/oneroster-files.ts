import { ConnectorError } from '../connector-error.js';
import type { RecordIssue } from '../external-record.js';
import { type CsvFolder, csvConfig, ListEnds, loadS3Bucket, localFolder } from '../generic-csv/index.js';
import type { ConnectionCheck, ConnectionReport, ConnectorContext } from '../sis-connector.js';
import { FILES, type FileMode, type FileName, readManifest } from './csv-manifest.js';
import { readTable, type TableRow } from './csv-table.js';
import type { OneRosterConfig, OneRosterCredentials } from './oneroster-config.js';
import { type ListPage, type OneRosterLists, unreadable } from './oneroster-lists.js';
import { isDeleted } from './oneroster-records.js';
import { LISTS, type ListName, type RecordOf, type User } from './oneroster-wire.js';
import { openZip } from './zip-folder.js';

/** Where each list stands. */
const FILE_OF: Readonly<Record<ListName, FileName>> = {
  orgs: 'orgs',
  academicSessions: 'academicSessions',
  courses: 'courses',
  classes: 'classes',
  students: 'users',
  teachers: 'users',
  enrollments: 'enrollments',
};

/** Columns that a file cannot do without. */
const NEEDED: Readonly<Record<FileName, readonly string[]>> = {
  orgs: ['sourcedId', 'name'],
  academicSessions: ['sourcedId', 'title'],
  courses: ['sourcedId', 'title'],
  classes: ['sourcedId', 'title', 'courseSourcedId'],
  users: ['sourcedId', 'givenName', 'familyName'],
  roles: ['userSourcedId', 'role'],
  enrollments: ['sourcedId', 'classSourcedId', 'userSourcedId', 'role'],
};

interface FileSet {
  folder: CsvFolder;
  /** As a person would name it. */
  title: string;
  /** What is remembered of how its files end; a zip has checksums instead. */
  ends: ListEnds | undefined;
  modes: ReadonlyMap<FileName, FileMode>;
}

type Roles = NonNullable<User['roles']>;

/** What roles.csv says. */
interface RolesFile {
  byUser: ReadonlyMap<string, Roles>;
  /** Rows that could not be read: nobody knows whose role they tell. */
  unreadable: RecordIssue[];
  /** Why it may not be whole, in a sentence. */
  gap?: string | undefined;
}

/** The lists of a school by the CSV files of OneRoster 1.1 or 1.2, in a zip or unpacked in a folder. */
export class OneRosterFiles implements OneRosterLists {
  readonly tellsChanges = false;
  readonly #context: ConnectorContext;
  readonly #config: OneRosterConfig;
  readonly #credentials: OneRosterCredentials;
  #set: Promise<FileSet> | undefined;
  #roles: Promise<RolesFile> | undefined;

  constructor({
    context,
    config,
    credentials,
  }: { context: ConnectorContext; config: OneRosterConfig; credentials: OneRosterCredentials }) {
    this.#context = context;
    this.#config = config;
    this.#credentials = credentials;
  }

  async *pages<L extends ListName>(list: L): AsyncGenerator<ListPage<L>> {
    const { modes } = await this.#open();
    const name = FILE_OF[list];
    const mode = modes.get(name) ?? 'absent';
    const file = `${name}.csv`;
    if (mode === 'absent') return yield { rows: [], issues: [], file, partial: true };
    const roles = name === 'users' ? await this.#rolesOf() : NO_ROLES;
    if (roles.unreadable.length > 0 || roles.gap) {
      const { unreadable: issues, gap } = roles;
      yield { rows: [], issues, file: 'roles.csv', gap, partial: mode === 'delta' };
    }
    const without: User[] = [];
    for await (const { rows, issues, gap } of this.#table(name)) {
      const page: ListPage<L> = { rows: [], issues, file, gap, partial: mode === 'delta' };
      for (const row of rows) {
        const parsed = LISTS[list].safeParse(TO_RECORD[name](row, roles.byUser));
        if (!parsed.success) {
          page.issues.push(unreadable('the row', file, row.line));
        } else if (name !== 'users') {
          page.rows.push(parsed.data as RecordOf<L>);
        } else {
          const is = isOfList(list, parsed.data as User);
          if (is) page.rows.push(parsed.data as RecordOf<L>);
          if (is !== undefined) continue;
          if (modes.get('roles') === 'bulk') {
            if (!isDeleted(parsed.data.status)) without.push(parsed.data as User);
            continue;
          }
          if (mode === 'bulk' && modes.get('roles') === 'absent') throw rolesMissing();
          page.issues.push(roleUnknown(parsed.data as User, file));
        }
      }
      yield page;
    }
    if (without.length > 0)
      yield { rows: [], issues: [], file, partial: mode === 'delta', gap: rolesLacking(without) };
  }

  async check(): Promise<ConnectionReport> {
    const { title, modes } = await this.#open();
    const checks: ConnectionCheck[] = [{ name: 'files', ok: true, message: `${title} is read.` }];
    for (const name of FILES) checks.push(await this.#look(name, modes.get(name) ?? 'absent'));
    const broken = checks.filter(({ ok }) => !ok);
    if (broken.length > 0)
      return { success: false, message: broken.map(({ message }) => message).join(' '), checks };
    if ([...modes.values()].every((mode) => mode === 'absent'))
      return { success: false, message: `manifest.csv says that every file is absent.`, checks };
    return { success: true, checks };
  }

  async #look(name: FileName, mode: FileMode): Promise<ConnectionCheck> {
    if (mode === 'absent') return { name, ok: true, message: `${name}.csv is absent.`, details: { mode } };
    try {
      // Its header is enough; what is behind it a sync tells.
      for await (const _page of this.#table(name)) break;
      return { name, ok: true, message: `${name}.csv: ${mode}.`, details: { mode } };
    } catch (error) {
      if (!(error instanceof ConnectorError)) throw error;
      return { name, ok: false, message: error.message };
    }
  }

  #open(): Promise<FileSet> {
    this.#set ??= this.#find();
    return this.#set;
  }

  async #find(): Promise<FileSet> {
    const { importPath = '', zipFile, s3Bucket } = this.#config;
    const { files, signal } = this.#context;
    const bucket = s3Bucket === undefined ? undefined : await this.#newestZip();
    const outer: CsvFolder = bucket ?? localFolder(files, importPath);
    const zip = await outer.open(zipFile);
    const title = zip ? `${bucket?.title ?? `${importPath}/`}${zipFile}` : `the folder "${importPath}"`;
    try {
      const folder = zip ? await openZip(zip) : outer;
      const modes = await readManifest(folder, zip ? title : `${title}, and no ${zipFile}`, signal);
      return { folder, title, modes, ends: zip ? undefined : new ListEnds(this.#context.memory) };
    } finally {
      await zip?.close();
    }
  }

  async #newestZip() {
    const { zipFile, s3Bucket, s3Prefix, s3Region, s3Endpoint, s3ForcePathStyle, timeout } = this.#config;
    const { awsAccessKey, awsSecretKey } = this.#credentials;
    const S3Bucket = await loadS3Bucket();
    const config = csvConfig.parse({
      s3Bucket,
      s3Prefix,
      s3Region,
      s3Endpoint,
      s3ForcePathStyle,
      timeout,
    });
    const bucket = new S3Bucket({
      context: this.#context,
      config,
      credentials: { awsAccessKey, awsSecretKey },
    });
    return bucket.newestSet([zipFile]);
  }

  /** The roles of 1.2, which stand in a file of their own; none in 1.1. */
  #rolesOf(): Promise<RolesFile> {
    this.#roles ??= this.#readRoles();
    return this.#roles;
  }

  async #readRoles(): Promise<RolesFile> {
    const byUser = new Map<string, Roles>();
    const unreadable: RecordIssue[] = [];
    const { modes } = await this.#open();
    if ((modes.get('roles') ?? 'absent') === 'absent') return NO_ROLES;
    let whyNotWhole: string | undefined;
    for await (const { rows, issues, gap } of this.#table('roles')) {
      whyNotWhole ??= gap;
      unreadable.push(...issues.filter(({ severity }) => severity === 'error'));
      for (const row of rows) {
        const user = row.get('userSourcedId');
        if (!user) continue;
        const list = byUser.get(user) ?? [];
        byUser.set(user, list);
        list.push({
          status: row.get('status'),
          role: row.get('role'),
          beginDate: row.get('beginDate'),
          endDate: row.get('endDate'),
          org: refer(row.get('orgSourcedId')),
        });
      }
    }
    return { byUser, unreadable, gap: whyNotWhole };
  }

  async *#table(name: FileName) {
    const { folder, title, ends } = await this.#open();
    const file = await folder.open(`${name}.csv`);
    if (!file) {
      throw new ConnectorError(
        `manifest.csv announces ${name}.csv, and it is not in ${title}. Export the files anew.`,
      );
    }
    try {
      yield* readTable(file, NEEDED[name], this.#context.signal, ends);
    } finally {
      await file.close();
    }
  }
}

const NO_ROLES: RolesFile = { byUser: new Map(), unreadable: [] };

/** Rows in the form of the API. */
const TO_RECORD: Readonly<
  Record<FileName, (row: TableRow, roles: ReadonlyMap<string, Roles>) => Record<string, unknown>>
> = {
  orgs: (row) => ({ ...common(row), name: row.get('name') }),
  academicSessions: (row) => ({ ...common(row), title: row.get('title') }),
  courses: (row) => ({
    ...common(row),
    title: row.get('title'),
    courseCode: row.get('courseCode'),
    grades: split(row.get('grades')),
    subjects: split(row.get('subjects')),
    schoolYear: refer(row.get('schoolYearSourcedId')),
    org: refer(row.get('orgSourcedId')),
  }),
  classes: (row) => ({
    ...common(row),
    title: row.get('title'),
    classCode: row.get('classCode'),
    classType: row.get('classType'),
    location: row.get('location'),
    grades: split(row.get('grades')),
    subjects: split(row.get('subjects')),
    periods: split(row.get('periods')),
    course: refer(row.get('courseSourcedId')),
    school: refer(row.get('schoolSourcedId')),
    terms: split(row.get('termSourcedIds'))?.map(refer),
  }),
  users: (row, roles) => ({
    ...common(row),
    enabledUser: row.get('enabledUser') || undefined,
    username: row.get('username'),
    givenName: row.get('givenName'),
    middleName: row.get('middleName'),
    familyName: row.get('familyName'),
    email: row.get('email'),
    identifier: row.get('identifier'),
    grades: split(row.get('grades')),
    userIds: userIdsOf(row.get('userIds')),
    role: row.get('role') || undefined,
    orgs: split(row.get('orgSourcedIds') ?? row.get('primaryOrgSourcedId'))?.map(refer),
    roles: roles.get(row.get('sourcedId') ?? ''),
  }),
  roles: common,
  enrollments: (row) => ({
    ...common(row),
    role: row.get('role'),
    user: refer(row.get('userSourcedId')),
    class: refer(row.get('classSourcedId')),
    beginDate: row.get('beginDate'),
    endDate: row.get('endDate'),
  }),
};

function common(row: TableRow) {
  return { sourcedId: row.get('sourcedId'), status: row.get('status'), line: row.line };
}

function refer(sourcedId: string | undefined) {
  return sourcedId ? { sourcedId } : undefined;
}

/** A list in one cell. */
function split(cell: string | undefined): string[] | undefined {
  return cell
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** `{RUT:12.345.678-5},{LDAP:asoto}`; some leave the braces out. */
function userIdsOf(cell: string | undefined) {
  return split(cell)?.map((pair) => {
    const [, type, identifier] = /^\{?([^:{}]*):([^{}]*)\}?$/.exec(pair) ?? [];
    return { type: type?.trim(), identifier: identifier?.trim() };
  });
}

const ROLE_OF: Partial<Record<ListName, string>> = { students: 'student', teachers: 'teacher' };

/** undefined where the files do not say what the user is. */
function isOfList(list: ListName, { role, roles }: User): boolean | undefined {
  const words = role ? [role] : roles?.map((each) => each.role);
  if (!words) return undefined;
  return words.some((word) => word?.trim().toLowerCase() === ROLE_OF[list]);
}

function rolesMissing(): ConnectorError {
  return new ConnectorError(
    'users.csv has no column role, and manifest.csv says that roles.csv is absent: nobody can tell students from teachers. Export roles.csv too.',
  );
}

/** OneRoster gives every user a role: where one is missing, roles.csv is not whole. */
function rolesLacking(users: readonly User[]): string {
  const [first] = users;
  const others = users.length > 1 ? ` and ${users.length - 1} more` : '';
  return `roles.csv has no row for user "${first?.sourcedId}" (users.csv line ${first?.line})${others}: nobody knows whether they are students or teachers. Export the files anew.`;
}

function roleUnknown({ sourcedId, line }: User, file: string) {
  return {
    severity: 'error' as const,
    rule: 'role.unknown',
    problem: `no row of roles.csv says whether user "${sourcedId}" is a student or a teacher`,
    file,
    line,
    hint: 'Export roles.csv with every user in it, also with users that changed.',
    externalId: sourcedId,
  };
}
