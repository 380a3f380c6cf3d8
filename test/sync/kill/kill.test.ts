import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pLimit from 'p-limit';
import { MappingEntityType } from '../../../src/connectors/mapping-entity-type.js';
import { startEmbeddedPostgres } from '../../../src/database/embedded/index.js';
import { Database, migrate } from '../../../src/database/index.js';
import { createLogger } from '../../../src/observability/index.js';
import type { SyncScope } from '../../../src/sync/index.js';
import { claimAnyDead } from '../../support/claim-dead.js';
import { copyInstitution, type InstitutionIds } from '../../support/copy-institution.js';
import { freshDatabaseUrl, testDatabaseUrl } from '../../support/database.js';
import { layEmbeddedDatabase } from '../../support/embedded-template.js';
import { tempFolder } from '../../support/temp-folder.js';
import { differenceOf, FeedReplica, type Snapshot, takeSnapshot } from '../model/snapshot.js';
import type { Order } from './child.js';
import { begin, type Kind, type Place, syncsOf, type Work } from './work.js';

const { STUDENT } = MappingEntityType;
const CHILD = join(dirname(fileURLToPath(import.meta.url)), 'child.js');
const logger = createLogger({ level: 'silent' });

const READING: readonly Kind[] = ['sync', 'preview', 'push'];
const PLANNING: readonly Kind[] = [...READING, 'rollback', 'preview of a rollback'];
const WRITING: readonly Kind[] = ['sync', 'push', 'rollback', 'approval'];
const KINDS: readonly Kind[] = [...PLANNING, 'approval'];
const PLAN = 'SET planned_position';
const CHANGES = 'SET applied_position';
const END = 'finished_at = clock_timestamp()';

interface Moment extends Omit<Place, 'nth'> {
  title: string;
  of: readonly Kind[];
}

const MOMENTS: readonly Moment[] = [
  { title: 'before it stages', of: READING, statement: 'sync_staged (', at: 'statement' },
  { title: 'when all is staged', of: READING, statement: 'AS rows FROM sync_staged', at: 'statement' },
  { title: 'before its plan is committed', of: PLANNING, statement: PLAN, at: 'commit' },
  { title: 'after its plan was committed', of: PLANNING, statement: PLAN, at: 'what follows a commit' },
  { title: 'before its changes are committed', of: WRITING, statement: CHANGES, at: 'commit' },
  { title: 'after its changes were committed', of: WRITING, statement: CHANGES, at: 'what follows a commit' },
  { title: 'before its end is committed', of: KINDS, statement: END, at: 'commit' },
];

interface Case {
  title: string;
  kind: Kind;
  scope: SyncScope;
  place: Place;
}

/** A run of all entity types is killed in its second part, when the first is done, and at the end of it all. */
const CASES: readonly Case[] = KINDS.flatMap((kind) =>
  (kind === 'push' ? [STUDENT] : ([STUDENT, 'ALL'] as const)).flatMap((scope) => {
    const what = `${kind} of ${scope === 'ALL' ? 'everything' : 'students'}`;
    const moments = MOMENTS.filter(({ of }) => of.includes(kind));
    const cases = moments.map(({ title, statement, at }): Case => {
      return {
        title: `${what}, ${title}`,
        kind,
        scope,
        place: { statement, at, nth: scope === 'ALL' ? 2 : 1 },
      };
    });
    if (scope !== 'ALL') return cases;
    const place: Place = { statement: END, at: 'commit', nth: 3 };
    return [...cases, { title: `${what}, when all its parts are done`, kind, scope, place }];
  }),
);

/** Institutions that are ready for each kind and scope, by both: cases take copies of them. */
async function prepare(database: Database): Promise<Map<string, Work>> {
  const ready = new Map<string, Work>();
  for (const { kind, scope } of CASES) {
    const key = nameOf({ kind, scope });
    if (ready.has(key)) continue;
    const work: Work = { kind, scope, integrationId: randomUUID(), institutionId: randomUUID(), runId: '' };
    await database.execute(
      `INSERT INTO integrations (id, institution_id, provider, credentials) VALUES ($1, $2, 'GENERIC_CSV', '')`,
      [work.integrationId, work.institutionId],
    );
    const { integrationId, institutionId } = work;
    await syncsOf(database, 'old').sync({ integrationId, institutionId, entityType: 'ALL' });
    const before: Partial<Record<Kind, 'SYNC' | 'PREVIEW'>> = {
      rollback: 'SYNC',
      'preview of a rollback': 'SYNC',
      approval: 'PREVIEW',
    };
    if (before[kind]) {
      const { runId } = await syncsOf(database).sync({
        integrationId,
        institutionId,
        entityType: scope,
        kind: before[kind],
      });
      work.runId = runId;
    }
    ready.set(key, work);
  }
  return ready;
}

async function copyFor(database: Database, work: Work): Promise<Work> {
  const copy = { ...work, integrationId: randomUUID(), institutionId: randomUUID() };
  await copyInstitution(database, idsOf(work), idsOf(copy));
  return copy;
}

const idsOf = ({ institutionId, integrationId }: Work): InstitutionIds => {
  return { institutionId, integrationIds: [integrationId] };
};

/** Starts a process of its own, and waits until it was killed. */
async function killOne(order: Order): Promise<void> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(order)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (piece) => {
    said += piece;
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (signal !== 'SIGKILL')
    throw new Error(`the process ended with ${code ?? signal} before it came there: ${said}`);
}

/** Another process finds what died, and brings it to its end. */
async function takeUp(database: Database): Promise<void> {
  await database.execute(`UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'`);
  const syncs = syncsOf(database);
  for (let held = await claimAnyDead(syncs); held; held = await claimAnyDead(syncs))
    await syncs.carryOut(held);
}

/** What an institution comes to, in words that are the same for two that had the same done to them. */
async function outcomeOf(database: Database, { institutionId }: Work) {
  const now = await takeSnapshot(database, institutionId);
  const feed = new FeedReplica();
  await feed.readOn(database, institutionId);
  const names = new Map(now.entities.map(({ id, fields }) => [id, fields.name ?? fields.givenName]));
  const missing = new Map(
    now.mappings.map((mapping) => [mapping.internalId, `${mapping.externalId} ${mapping.missing}`]),
  );
  return {
    entities: now.entities
      .map(({ id, type, fields }) => `${type} ${missing.get(id)} ${JSON.stringify(fields)}`)
      .sort(),
    memberships: now.memberships
      .map(({ groupId, personId }) => `${names.get(groupId)} ${names.get(personId)}`)
      .sort(),
    runs: now.runs.map(runInWords).sort(),
    leases: now.leases,
    feedDiffers: differenceOf(feed, now),
    entries: feed.entries.length,
  };
}

function runInWords({
  kind,
  entityType,
  status,
  error,
  counts,
  membershipCounts,
  staged,
}: Snapshot['runs'][number]): string {
  return `${kind} ${entityType} ${status} ${error} ${JSON.stringify([counts, membershipCounts])}, ${staged} staged`;
}

type Outcome = Awaited<ReturnType<typeof outcomeOf>>;

/** What each kind of run leaves when nothing disturbs it. */
async function undisturbedOutcomes(
  database: Database,
  ready: ReadonlyMap<string, Work>,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  for (const [key, prepared] of ready) {
    const work = await copyFor(database, prepared);
    await begin(syncsOf(database), work);
    outcomes.set(key, await outcomeOf(database, work));
  }
  return outcomes;
}

/** What is left in the end. A push that died is not resumed: whoever keeps what was pushed pushes it again. */
async function finalOutcome(database: Database, work: Work): Promise<Outcome> {
  const outcome = await outcomeOf(database, work);
  const isRefused = (run: string) => run.includes('It is taken in again by another run');
  if (work.kind !== 'push' || !outcome.runs.some(isRefused)) return outcome;
  await begin(syncsOf(database), work);
  const again = await outcomeOf(database, work);
  return { ...again, runs: again.runs.filter((run) => !isRefused(run)) };
}

const nameOf = ({ kind, scope }: Pick<Case, 'kind' | 'scope'>) => `${kind} ${scope}`;

const TITLE = 'a process that is killed, and another one that takes its run up';

if (testDatabaseUrl) {
  describe(TITLE, () => {
    const killed = new Map<string, Work>();
    let wanted: Map<string, Outcome>;
    let database: Database;

    before(async function () {
      this.timeout(300_000);
      const url = (await freshDatabaseUrl()) as string;
      database = new Database({ connection: url, poolSize: 8, embedded: false, logger });
      await migrate(database, logger);
      const ready = await prepare(database);
      wanted = await undisturbedOutcomes(database, ready);
      const limit = pLimit(2);
      const failures: string[] = [];
      const kill = async ({ title, place, ...of }: Case) => {
        const work = await copyFor(database, ready.get(nameOf(of)) as Work);
        killed.set(title, work);
        await killOne({ url, work, place }).catch((error: Error) =>
          failures.push(`${title}: ${error.message}`),
        );
      };
      await Promise.all(CASES.map((one) => limit(() => kill(one))));
      expect(failures).to.deep.equal([]);
      await takeUp(database);
    });
    after(() => database?.close());

    for (const one of CASES) {
      it(`leave what an undisturbed one leaves: ${one.title}`, async () => {
        expect(await finalOutcome(database, killed.get(one.title) as Work)).to.deep.equal(
          wanted.get(nameOf(one)),
        );
      });
    }
  });
} else {
  describe(`${TITLE}, with the embedded database in each of them`, () => {
    /** The embedded database dies with its process, and whoever takes up has to start it: that takes its time. */
    const someCases = CASES.filter(({ title }) =>
      [
        'sync of everything, before its changes are committed',
        'rollback of everything, after its changes were committed',
        'approval of everything, before its changes are committed',
      ].includes(title),
    );
    let prepared: string;
    let ready: Map<string, Work>;
    let wanted: Map<string, Outcome>;

    /** Uses the embedded database of a folder, as the only process. */
    async function withDatabase<T>(dataDir: string, use: (database: Database) => Promise<T>): Promise<T> {
      const { connection, stop } = await startEmbeddedPostgres({ dataDir, logger });
      const database = new Database({ connection, poolSize: 1, embedded: true, logger });
      try {
        return await use(database);
      } finally {
        await database.close();
        await stop();
      }
    }

    before(async () => {
      prepared = await tempFolder();
      await layEmbeddedDatabase(prepared);
      await withDatabase(prepared, async (database) => {
        await migrate(database, logger);
        ready = await prepare(database);
        wanted = await undisturbedOutcomes(database, ready);
      });
    });

    for (const one of someCases) {
      it(`leave what an undisturbed one leaves: ${one.title}`, async () => {
        const dataDir = await tempFolder();
        await cp(join(prepared, 'postgres'), join(dataDir, 'postgres'), { recursive: true });
        const work = ready.get(nameOf(one)) as Work;
        await killOne({ dataDir, work, place: one.place });
        const outcome = await withDatabase(dataDir, async (database) => {
          await takeUp(database);
          return finalOutcome(database, work);
        });
        expect(outcome).to.deep.equal(wanted.get(nameOf(one)));
      });
    }
  });
}
