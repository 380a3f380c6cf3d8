import { type FeedPlace, readFeed } from '../../../src/changes/index.js';
import type { Database } from '../../../src/database/index.js';
import { MappingEntityType } from '../../../src/index.js';
import { ENTITY_SPECS } from '../../../src/roster/index.js';
import type { SyncCounts, SyncRun } from '../../../src/sync/index.js';
import { FORGOTTEN } from '../../../src/sync/pipeline/stage/index.js';
import type { Fields } from './school-system.js';

export interface Entity {
  type: MappingEntityType;
  id: string;
  fields: Fields & { courseId?: string | null };
  edited: string[];
  mergedInto: string | null;
}

export interface Mapping {
  integrationId: string;
  type: MappingEntityType;
  externalId: string;
  internalId: string;
  missing: number;
  /** Whether its row was read, and need not be looked at again while it is as it was. */
  isRead: boolean;
}

export interface Membership {
  groupId: string;
  personId: string;
  role: 'STUDENT' | 'TEACHER';
  integrationId: string | null;
}

export interface Run
  extends Pick<
    SyncRun,
    'id' | 'kind' | 'status' | 'entityType' | 'parentId' | 'rollsBack' | 'pushed' | 'error'
  > {
  integrationId: string;
  counts: SyncCounts;
  membershipCounts: SyncCounts;
  isApproved: boolean;
  position: number | null;
  staged: number;
  startedAt: string;
}

export interface Conflict {
  id: string;
  integrationId: string;
  type: MappingEntityType;
  externalId: string;
  resolution: 'LINK' | 'CREATE' | 'IGNORE' | null;
  /** Whom a person linked it to. */
  internalId: string | null;
  candidates: { internalId: string; rule: string }[];
}

/** All that is stored of an institution, at one moment. */
export interface Snapshot {
  entities: Entity[];
  mappings: Mapping[];
  memberships: Membership[];
  runs: Run[];
  conflicts: Conflict[];
  /** Students with marks. */
  marked: string[];
  /** Leases of its integrations. */
  leases: number;
}

const SPECS = Object.values(ENTITY_SPECS);
const columnsOf = (type: MappingEntityType) => [
  ...ENTITY_SPECS[type].fields.map(({ field, column }) => [field, column]),
  ['active', 'active'],
  ...(type === MappingEntityType.GROUP ? [['courseId', 'course_id']] : []),
];
const ENTITIES = SPECS.map(({ entityType, table }) => {
  const fields = columnsOf(entityType).map(([field, column]) => `'${field}', ${column}`);
  return `SELECT '${entityType}' AS type, id, json_build_object(${fields.join(', ')}) AS fields, edited, merged_into AS "mergedInto"
    FROM ${table} WHERE institution_id = $1`;
}).join(' UNION ALL ');
const OURS = 'JOIN integrations i ON i.institution_id = $1 AND i.id = x.integration_id';
const LISTS: Record<keyof Omit<Snapshot, 'leases'>, string> = {
  entities: ENTITIES,
  mappings: `SELECT x.integration_id AS "integrationId", entity_type AS type, external_id AS "externalId",
    internal_id AS "internalId", missing_runs AS missing,
    COALESCE(digest <> '${FORGOTTEN}', false) AS "isRead" FROM integration_mappings x ${OURS}`,
  memberships: `SELECT group_id AS "groupId", person_id AS "personId", role, integration_id AS "integrationId"
    FROM memberships WHERE institution_id = $1`,
  runs: `SELECT x.id, x.integration_id AS "integrationId", kind, x.status, entity_type AS "entityType", parent_id AS "parentId",
    rolls_back AS "rollsBack", pushed, error, counts, membership_counts AS "membershipCounts", approved_at IS NOT NULL AS "isApproved",
    applied_position AS position, started_at AS "startedAt",
    (SELECT count(*) FROM sync_staged s WHERE s.integration_id = x.integration_id AND s.run_id = x.id) AS staged
    FROM sync_runs x WHERE institution_id = $1 ORDER BY started_at`,
  conflicts: `SELECT x.id, x.integration_id AS "integrationId", entity_type AS type, external_id AS "externalId", resolution,
    internal_id AS "internalId", candidates FROM sync_conflicts x ${OURS} ORDER BY entity_type, external_id`,
  marked: 'SELECT student_id FROM attendance_records WHERE institution_id = $1',
};
const SNAPSHOT = `SELECT ${Object.entries(LISTS)
  .map(([name, sql]) => {
    const row = name === 'marked' ? 'r.student_id' : 'r';
    return `COALESCE((SELECT json_agg(${row}) FROM (${sql}) r), '[]') AS "${name}"`;
  })
  .join(', ')}, (SELECT count(*)::int FROM leases x ${OURS}) AS leases`;

export async function takeSnapshot(database: Database, institutionId: string): Promise<Snapshot> {
  const [row] = await database.query<Snapshot>(SNAPSHOT, [institutionId]);
  return row as Snapshot;
}

const sorted = (values: object) =>
  Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The roster and its mappings, a line each, in an order that does not depend on the database. */
export function contentOf({ entities, mappings, memberships }: Snapshot): string[] {
  return [
    ...entities.map(({ type, id, fields, mergedInto }) =>
      JSON.stringify([type, id, sorted(fields), mergedInto]),
    ),
    ...mappings.map(({ isRead: _, ...mapping }) => JSON.stringify(sorted(mapping))),
    ...memberships.map((membership) => JSON.stringify(sorted(membership))),
  ].sort();
}

/** What the feed alone says the roster is: entities by type and id, and memberships by their ids. */
export class FeedReplica {
  readonly #entries: string[] = [];
  #place: FeedPlace = { position: '0', seq: '0' };
  readonly roster = new Map<string, Record<string, unknown>>();

  /** Reads on; `page`: how many entries at once. Throws when the feed is not in order. */
  async readOn(database: Database, institutionId: string, page = 200): Promise<void> {
    for (let hasMore = true; hasMore; ) {
      const read = await readFeed(database, { institutionId, after: this.#place, limit: page });
      for (const entry of read.entries) {
        const place = [entry.position, entry.seq] as const;
        const isLater =
          BigInt(place[0]) > BigInt(this.#place.position) ||
          (place[0] === this.#place.position && place[1] > Number(this.#place.seq));
        if (!isLater) throw new Error(`the feed goes back from ${JSON.stringify(this.#place)} to ${place}`);
        this.#place = { position: place[0], seq: String(place[1]) };
        this.#entries.push(
          JSON.stringify([place, entry.action, entry.entity, entry.entityId, entry.before, entry.after]),
        );
        this.#replay(entry);
      }
      ({ hasMore } = read);
      this.#place = read.end;
    }
  }

  get entries(): readonly string[] {
    return this.#entries;
  }

  #replay({
    action,
    entity,
    entityId,
    before,
    after,
  }: Awaited<ReturnType<typeof readFeed>>['entries'][number]): void {
    const given = (action === 'DELETE' ? before : after) ?? {};
    const key = entity === 'MEMBERSHIP' ? membershipKey(given as never) : `${entity} ${entityId}`;
    if (action === 'DELETE') this.roster.delete(key);
    else this.roster.set(key, { ...(action === 'UPDATE' && this.roster.get(key)), ...given });
  }
}

const membershipKey = ({ groupId, personId, role }: Omit<Membership, 'integrationId'>) =>
  `MEMBERSHIP ${groupId} ${personId} ${role}`;

/** What an entity has that nobody gave it. */
const UNSAID: Record<string, unknown> = { active: true, givenName: '', familyName: '' };

/** A roster in the form of a replica, with the fields that this one has. */
function asReplica({ entities, memberships }: Snapshot): Map<string, Record<string, unknown>> {
  const roster = new Map<string, Record<string, unknown>>();
  for (const { type, id, fields } of entities) roster.set(`${type} ${id}`, fields);
  for (const { groupId, personId, role } of memberships)
    roster.set(membershipKey({ groupId, personId, role }), { groupId, personId, role });
  return roster;
}

/** The first thing in which a replica and a roster differ, in words; undefined where they do not. */
export function differenceOf(replica: FeedReplica, snapshot: Snapshot): string | undefined {
  const stored = asReplica(snapshot);
  for (const key of replica.roster.keys())
    if (!stored.has(key)) return `the feed has ${key}, the roster has not`;
  for (const [key, fields] of stored) {
    const told = replica.roster.get(key);
    if (!told) return `the roster has ${key}, the feed has not`;
    for (const [field, value] of Object.entries(fields)) {
      const said = told[field] === undefined ? (UNSAID[field] ?? null) : told[field];
      if (said !== value) return `${field} of ${key} is ${value} in the roster, ${said} by the feed`;
    }
  }
  return undefined;
}
