import {
  type ExternalRecord,
  type GroupRecord,
  type MembershipRecord,
  type Pages,
  type RecordPage,
  type StudentRecord,
  wholePage,
} from '../external-record.js';
import type { RecordSource } from '../sis-connector.js';

/** What a source gave, read to its end. */
export interface Reading {
  /** External ids, as they came. */
  ids: string[];
  /** Those of records that are not active. */
  inactive: string[];
  entities: ListReading;
  memberships: ListReading;
  /** Memberships of the list, and those that records of entities tell themselves. */
  pairs: Pair[];
}

/** A membership: role, external id of the group, external id of the person. */
export type Pair = readonly [role: MembershipRecord['role'], group: string, person: string];

export interface ListReading {
  /** Records, and rows that are errors instead. */
  rows: number;
  /** The last total that the source declared. */
  declaredTotal: number | undefined;
  /** Why the reading proves no absence: gaps, and errors that name nobody. */
  gaps: string[];
}

/** Reads everything as a sync would: entities first, then memberships. */
export async function readWhole({ entities, memberships, partial }: RecordSource): Promise<Reading> {
  const reading: Reading = {
    ids: [],
    inactive: [],
    entities: noRows(),
    memberships: noRows(),
    pairs: [],
  };
  if (partial) reading.entities.gaps.push('the source is partial');
  for await (const given of entities as Pages<AnyRecord>) {
    const page = wholePage<AnyRecord>(given);
    count(reading.entities, page);
    for (const { externalId, active, groupExternalId, teacherExternalId } of page.records) {
      const id = externalId ?? '';
      reading.ids.push(id);
      if (active === false) reading.inactive.push(id);
      if (groupExternalId) reading.pairs.push(['STUDENT', groupExternalId, id]);
      if (teacherExternalId) reading.pairs.push(['TEACHER', id, teacherExternalId]);
    }
  }
  for await (const given of memberships ?? []) {
    const page = wholePage(given);
    count(reading.memberships, page);
    for (const { role, groupExternalId, personExternalId } of page.records)
      reading.pairs.push([role, groupExternalId ?? '', personExternalId ?? '']);
  }
  return reading;
}

type AnyRecord = ExternalRecord &
  Pick<StudentRecord, 'groupExternalId'> &
  Pick<GroupRecord, 'teacherExternalId'>;

function noRows(): ListReading {
  return { rows: 0, declaredTotal: undefined, gaps: [] };
}

function count(list: ListReading, page: RecordPage<unknown>): void {
  const failed = (page.issues ?? []).filter(({ severity }) => severity === 'error');
  list.rows += page.records.length + failed.length;
  list.declaredTotal = page.declaredTotal ?? list.declaredTotal;
  if (page.gap) list.gaps.push(page.gap);
  if (page.partial) list.gaps.push('a page is partial');
  for (const { externalId, problem } of failed) if (!externalId) list.gaps.push(problem);
}
