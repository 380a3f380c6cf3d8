import type { RecordSource } from '../../../src/connectors/index.js';
import { MappingEntityType } from '../../../src/connectors/mapping-entity-type.js';
import type { Database } from '../../../src/database/index.js';
import { type SyncScope, type SyncService, syncPolicy } from '../../../src/sync/index.js';
import type { Fault } from '../../support/faulty-database.js';
import { syncServiceOf } from '../../support/sync-service.js';

const { GROUP, STUDENT } = MappingEntityType;

/** What a run is asked for. */
export type Kind = 'sync' | 'preview' | 'push' | 'rollback' | 'preview of a rollback' | 'approval';

export interface Work {
  kind: Kind;
  scope: SyncScope;
  integrationId: string;
  institutionId: string;
  /** The run that is taken back or approved. */
  runId: string;
}

/** The moment at which a process is killed. */
export interface Place {
  /** A statement, by a part of its text. */
  statement: string;
  /** Before the statement, before the commit of its transaction, or after that. */
  at: 'statement' | 'commit' | 'what follows a commit';
  /** The first such statement, the second, and so on. */
  nth: number;
}

/** A school system: as it was first, and with somebody new, changed, moved and gone. */
export type Version = 'old' | 'new';

const GROUPS: Record<Version, string[]> = { old: ['1A', '1B'], new: ['1A', '1B of the morning'] };
const STUDENTS: Record<Version, string[]> = {
  old: ['S1 Ana G0', 'S2 Eva G0', 'S3 Luz G1', 'S4 Iris G1', 'S5 Noa G0', 'S6 Sara G1'],
  new: ['S1 Ana G0', 'S2 Eva-María G0', 'S3 Luz G0', 'S5 Noa G0', 'S6 Sara G1', 'S7 Tere G1'],
};

function sourceOf(version: Version, type: MappingEntityType): RecordSource {
  if (type === GROUP) {
    const groups = GROUPS[version].map((name, at) => ({ externalId: `G${at}`, name }));
    return { entities: inPages(groups) };
  }
  const rows = STUDENTS[version].map((row) => row.split(' ') as [string, string, string]);
  return {
    entities: inPages(rows.map(([externalId, givenName]) => ({ externalId, givenName }))),
    memberships: inPages(
      rows.map(([personExternalId, , groupExternalId]) => ({
        groupExternalId,
        personExternalId,
        role: STUDENT,
      })),
    ),
  };
}

async function* inPages<T>(rows: readonly T[]): AsyncGenerator<T[]> {
  for (let at = 0; at < rows.length; at += 4) yield rows.slice(at, at + 4);
}

/** The syncs of a process that sees the school system in this version. */
export function syncsOf(database: Database, version: Version = 'new'): SyncService {
  return syncServiceOf(database, (type) => sourceOf(version, type), {
    entityTypes: [GROUP, STUDENT],
    ttlSeconds: 3_600,
  });
}

/** Asks for a run, and waits for its end. */
export async function begin(syncs: SyncService, work: Work): Promise<void> {
  const { kind, scope, integrationId, institutionId, runId } = work;
  const key = { integrationId, institutionId, entityType: scope };
  switch (kind) {
    case 'sync':
      await syncs.sync(key);
      return;
    case 'preview':
      await syncs.sync({ ...key, kind: 'PREVIEW' });
      return;
    case 'push':
      await syncs.syncPushed(key, { ...sourceOf('new', STUDENT), partial: true }, syncPolicy.parse({}));
      return;
    case 'approval':
      await syncs.approve(integrationId, runId, 'as it was shown');
      return;
    default:
      await syncs.rollBack(integrationId, runId, { preview: kind === 'preview of a rollback' });
  }
}

/** Ends this very process, as `kill -9` does, at a place. */
export function killAt({ statement, at, nth }: Place): Fault {
  let seen = 0;
  return {
    at: 1,
    strike: (moment) => {
      if (moment.sql.includes(statement)) seen += 1;
      if (seen < nth || moment.before !== at) return false;
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {});
    },
  };
}
