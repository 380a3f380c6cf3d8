import { randomUUID } from 'node:crypto';
import { differenceOf, recordEvent } from '../audit/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import { makeSecret } from './signature.js';
import type { Subscription, SubscriptionUpdate, WithSecret } from './subscription.js';

/** Seals what must not be readable in the database; what was sealed for one subscription opens for no other. */
export interface SecretSealer {
  seal(id: string, secrets: Record<string, string>): string;
  open(id: string, sealed: string): Record<string, string>;
}

/** What is sealed: the secret in force, and the one before. */
type Secrets = { secret: string; old?: string };

/** So many an institution may have: every event is written once for each of them. */
const MOST_SUBSCRIPTIONS = 50;

const COLUMNS = `id, institution_id AS "institutionId", url, types, description,
  disabled_at AS "disabledAt", disabled_reason AS "disabledReason", failing_since AS "failingSince",
  CASE WHEN old_secret_until > clock_timestamp() THEN old_secret_until END AS "oldSecretUntil",
  created_at AS "createdAt", updated_at AS "updatedAt"`;

/** The rows of subscriptions, and their secrets. */
export class SubscriptionStore {
  constructor(
    private readonly database: Database,
    private readonly sealer: SecretSealer,
  ) {}

  /** Throws `failed_precondition` when the institution has as many as it may. */
  async create(
    institutionId: string,
    { url, types, description }: Pick<Subscription, 'url' | 'types' | 'description'>,
  ): Promise<WithSecret> {
    const id = randomUUID();
    const secret = makeSecret();
    return this.database.transaction(async () => {
      // Of two that come at once, the second counts the first.
      await this.database.query('SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 3))', [
        institutionId,
      ]);
      const [subscription] = await this.database.query<Subscription>(
        `INSERT INTO event_subscriptions (institution_id, id, url, types, description, secrets)
         SELECT $1, $2, $3, $4, $5, $6
         WHERE (SELECT count(*) FROM event_subscriptions WHERE institution_id = $1) < ${MOST_SUBSCRIPTIONS}
         RETURNING ${COLUMNS}`,
        [institutionId, id, url, types, description, this.sealer.seal(id, { secret })],
      );
      if (!subscription) {
        throw new ServiceError(
          'failed_precondition',
          `An institution has ${MOST_SUBSCRIPTIONS} subscriptions at most. Delete one first.`,
          { reason: 'TOO_MANY_SUBSCRIPTIONS' },
        );
      }
      await this.#record('created', subscription, null, auditedOf(subscription));
      return { subscription, secret };
    });
  }

  /** Throws `not_found`. */
  async get(institutionId: string, id: string): Promise<Subscription> {
    return this.#read(institutionId, id);
  }

  /** The subscriptions of an institution, ordered by id. */
  async list(institutionId: string, request: PageRequest): Promise<Page<Subscription>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.uuid]);
    const rows = await this.database.query<Subscription>(
      `SELECT ${COLUMNS} FROM event_subscriptions
       WHERE institution_id = $1 ${key ? 'AND id > $3::uuid' : ''}
       ORDER BY id LIMIT $2`,
      [institutionId, size + 1, ...(key ?? [])],
    );
    return toPage(
      rows,
      size,
      (row) => [row.id],
      (row) => row,
    );
  }

  /** Changes what is given. One that is enabled again starts with a clean slate. Throws `not_found`. */
  async update(
    institutionId: string,
    id: string,
    { url, types, description, enabled }: SubscriptionUpdate,
  ): Promise<Subscription> {
    return this.database.transaction(async () => {
      const before = await this.#read(institutionId, id, 'FOR NO KEY UPDATE');
      const [row] = await this.database.query<Subscription>(
        `UPDATE event_subscriptions SET url = COALESCE($3, url), types = COALESCE($4::text[], types),
           description = COALESCE($5, description),
           disabled_at = CASE WHEN $6 THEN NULL WHEN NOT $6 THEN COALESCE(disabled_at, clock_timestamp())
             ELSE disabled_at END,
           disabled_reason = CASE WHEN $6 THEN NULL WHEN NOT $6 AND disabled_at IS NULL
             THEN 'A person disabled it.' ELSE disabled_reason END,
           failures = CASE WHEN $6 THEN 0 ELSE failures END,
           failing_since = CASE WHEN $6 THEN NULL ELSE failing_since END,
           not_before = CASE WHEN $6 OR $3 <> url THEN NULL ELSE not_before END,
           updated_at = clock_timestamp()
         WHERE institution_id = $1 AND id = $2
         RETURNING ${COLUMNS}`,
        [institutionId, id, url ?? null, types ?? null, description ?? null, enabled ?? null],
      );
      const subscription = row ?? notFound(id);
      const changed = differenceOf(auditedOf(before), auditedOf(subscription));
      // Where only the query of the address changed, that it did.
      const after = { ...(before.url !== subscription.url && auditedUrl(subscription)), ...changed.after };
      if (Object.keys(after).length > 0) await this.#record('updated', subscription, changed.before, after);
      return subscription;
    });
  }

  /** With all that was to be told by it. Throws `not_found`. */
  async delete(institutionId: string, id: string): Promise<void> {
    await this.database.transaction(async () => {
      // First of all: it waits for those who are writing down an event for it.
      const [deleted] = await this.database.query<Subscription>(
        `DELETE FROM event_subscriptions WHERE institution_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
        [institutionId, id],
      );
      if (!deleted) return notFound(id);
      await this.#record('deleted', deleted, auditedOf(deleted), null);
      for (const table of ['event_lanes', 'event_deliveries']) {
        await this.database.execute(
          `DELETE FROM ${table} WHERE institution_id = $1 AND subscription_id = $2`,
          [institutionId, id],
        );
      }
    });
  }

  /** Makes a new secret; the one before signs as well for some seconds. Throws `not_found`. */
  async rotate(institutionId: string, id: string, overlapSeconds: number): Promise<WithSecret> {
    return this.database.transaction(async () => {
      const { secret: old } = await this.#open(institutionId, id, 'FOR NO KEY UPDATE');
      const secret = makeSecret();
      const [row] = await this.database.query<Subscription>(
        `UPDATE event_subscriptions SET secrets = $3,
           old_secret_until = clock_timestamp() + make_interval(secs => $4), updated_at = clock_timestamp()
         WHERE institution_id = $1 AND id = $2
         RETURNING ${COLUMNS}`,
        [institutionId, id, this.sealer.seal(id, { secret, old }), overlapSeconds],
      );
      const subscription = row ?? notFound(id);
      await this.#record('updated', subscription, null, { secret: '[replaced]', overlapSeconds });
      return { subscription, secret };
    });
  }

  /** What a message is signed with now. Throws `not_found`. */
  async secrets(institutionId: string, id: string): Promise<string[]> {
    const { secret, old, isOldGood } = await this.#open(institutionId, id);
    return old && isOldGood ? [secret, old] : [secret];
  }

  async #read(institutionId: string, id: string, lock = ''): Promise<Subscription> {
    const [subscription] = await this.database.query<Subscription>(
      `SELECT ${COLUMNS} FROM event_subscriptions WHERE institution_id = $1 AND id = $2 ${lock}`,
      [institutionId, id],
    );
    return subscription ?? notFound(id);
  }

  async #record(
    done: 'created' | 'updated' | 'deleted',
    { institutionId, id }: Subscription,
    before: object | null,
    after: object | null,
  ): Promise<void> {
    const action = `subscription.${done}`;
    const what = { action, objectType: 'SUBSCRIPTION' as const, objectId: id, before, after };
    await recordEvent(this.database, { institutionId, ...what });
  }

  async #open(institutionId: string, id: string, lock = ''): Promise<Secrets & { isOldGood: boolean }> {
    const [row] = await this.database.query<{ secrets: string; isOldGood: boolean }>(
      `SELECT secrets, COALESCE(old_secret_until > clock_timestamp(), false) AS "isOldGood"
       FROM event_subscriptions WHERE institution_id = $1 AND id = $2 ${lock}`,
      [institutionId, id],
    );
    if (!row) return notFound(id);
    return { ...(this.sealer.open(id, row.secrets) as Secrets), isOldGood: row.isOldGood };
  }
}

/** What the audit keeps: of an address no query, which may hold a secret of the receiver. */
function auditedOf(subscription: Subscription) {
  const { types, description, disabledAt } = subscription;
  return { ...auditedUrl(subscription), types, description, enabled: disabledAt === null };
}

function auditedUrl({ url }: Subscription) {
  const { origin, pathname, search } = new URL(url);
  return { url: `${origin}${pathname}${search && '?[hidden]'}` };
}

function notFound(id: string): never {
  throw new ServiceError('not_found', `There is no subscription ${id} of this institution.`, {
    reason: 'SUBSCRIPTION_NOT_FOUND',
  });
}
