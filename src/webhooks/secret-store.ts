import { randomUUID } from 'node:crypto';
import { recordEvent } from '../audit/index.js';
import type { Database } from '../database/index.js';
import { ServiceError, UnopenableCredentialsError } from '../errors.js';
import { keyOf, makeSecret } from '../events/index.js';
import type { WebhookSecret } from './webhook.js';

/** Seals what must not be readable in the database; what was sealed for one secret opens for no other. */
export interface SecretSealer {
  seal(id: string, secrets: Record<string, string>): string;
  open(id: string, sealed: string): Record<string, string>;
}

/** An integration that webhooks come to, and the keys that sign them. */
export interface Recipient {
  integrationId: string;
  institutionId: string;
  provider: string;
  config: Record<string, unknown>;
  keys: { id: string; key: Buffer }[];
  /** Whether there are secrets that no configured key opens. */
  hasUnopenable: boolean;
}

/** So many secrets of an integration are good at once. */
const MOST_SECRETS = 5;
const COLUMNS = `integration_id AS "integrationId", id, created_at AS "createdAt", expires_at AS "expiresAt"`;
const IS_GOOD = '(expires_at IS NULL OR expires_at > clock_timestamp())';

/** The rows of the secrets that webhooks are signed with. */
export class WebhookSecretStore {
  constructor(
    private readonly database: Database,
    private readonly sealer: SecretSealer,
  ) {}

  /** Makes a secret beside those there are. Throws `failed_precondition` when there are as many as may be. */
  async create(integrationId: string): Promise<{ webhookSecret: WebhookSecret; secret: string }> {
    return this.database.transaction(async () => {
      const institutionId = await this.#hold(integrationId);
      await this.#dropExpired(integrationId);
      const [row] = await this.database.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM webhook_secrets WHERE integration_id = $1',
        [integrationId],
      );
      if ((row?.count ?? 0) >= MOST_SECRETS) throw tooMany();
      const made = await this.#insert(integrationId, institutionId);
      await this.#record('created', made.webhookSecret, institutionId, {});
      return made;
    });
  }

  /** Makes a secret in place of those there are, which are good for some seconds more. */
  async rotate(
    integrationId: string,
    overlapSeconds: number,
  ): Promise<{ webhookSecret: WebhookSecret; secret: string }> {
    return this.database.transaction(async () => {
      const institutionId = await this.#hold(integrationId);
      const until = 'clock_timestamp() + make_interval(secs => $2)';
      await this.database.execute(
        `UPDATE webhook_secrets SET expires_at = LEAST(COALESCE(expires_at, ${until}), ${until})
         WHERE integration_id = $1`,
        [integrationId, overlapSeconds],
      );
      await this.#dropExpired(integrationId);
      // Of those that overlap, the oldest go first.
      await this.database.execute(
        `DELETE FROM webhook_secrets WHERE integration_id = $1 AND id IN (
           SELECT id FROM webhook_secrets WHERE integration_id = $1
           ORDER BY created_at DESC, id OFFSET ${MOST_SECRETS - 1})`,
        [integrationId],
      );
      const made = await this.#insert(integrationId, institutionId);
      await this.#record('rotated', made.webhookSecret, institutionId, { overlapSeconds });
      return made;
    });
  }

  /** Those that are good, the newest first. Throws `not_found` when there is no such integration. */
  async list(integrationId: string): Promise<WebhookSecret[]> {
    await this.requireIntegration(integrationId);
    return this.database.query<WebhookSecret>(
      `SELECT ${COLUMNS} FROM webhook_secrets
       WHERE integration_id = $1 AND ${IS_GOOD}
       ORDER BY created_at DESC, id`,
      [integrationId],
    );
  }

  /** From then on nothing is taken that it signs. Throws `not_found`. */
  async delete(integrationId: string, id: string): Promise<void> {
    await this.database.transaction(async () => {
      const [row] = await this.database.query<WebhookSecret & { institutionId: string }>(
        `DELETE FROM webhook_secrets WHERE integration_id = $1 AND id = $2
         RETURNING ${COLUMNS}, institution_id AS "institutionId"`,
        [integrationId, id],
      );
      if (!row) {
        throw new ServiceError('not_found', `There is no secret ${id} for webhooks of this integration.`, {
          reason: 'WEBHOOK_SECRET_NOT_FOUND',
        });
      }
      await this.#record('deleted', row, row.institutionId, null);
    });
  }

  /** Whom webhooks of this address are for; undefined when there is no such integration. */
  async recipient(integrationId: string): Promise<Recipient | undefined> {
    const rows = await this.database.query<
      Omit<Recipient, 'keys' | 'hasUnopenable'> & { id: string | null; secret: string | null }
    >(
      `SELECT i.id AS "integrationId", i.institution_id AS "institutionId", i.provider, i.config, s.id, s.secret
       FROM integrations i
       LEFT JOIN webhook_secrets s ON s.integration_id = i.id AND ${IS_GOOD}
       WHERE i.id = $1
       ORDER BY s.created_at DESC`,
      [integrationId],
    );
    const [first] = rows;
    if (!first) return undefined;
    const { institutionId, provider, config } = first;
    const found: Recipient = {
      integrationId,
      institutionId,
      provider,
      config,
      keys: [],
      hasUnopenable: false,
    };
    for (const { id, secret } of rows) {
      if (id === null || secret === null) continue;
      try {
        found.keys.push({ id, key: keyOf(this.sealer.open(id, secret).secret ?? '') });
      } catch (error) {
        if (!(error instanceof UnopenableCredentialsError)) throw error;
        found.hasUnopenable = true;
      }
    }
    return found;
  }

  /** Throws `not_found`. */
  async requireIntegration(integrationId: string): Promise<void> {
    const [row] = await this.database.query('SELECT 1 FROM integrations WHERE id = $1', [integrationId]);
    if (!row) throw noIntegration(integrationId);
  }

  /**
   * Inside a transaction: the integration is not deleted meanwhile, and nobody else makes a secret of it. A run that
   * holds it is in nobody's way.
   */
  async #hold(integrationId: string): Promise<string> {
    await this.database.query('SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 4))', [
      integrationId,
    ]);
    const [row] = await this.database.query<{ institutionId: string }>(
      'SELECT institution_id AS "institutionId" FROM integrations WHERE id = $1 FOR KEY SHARE',
      [integrationId],
    );
    if (!row) throw noIntegration(integrationId);
    return row.institutionId;
  }

  async #insert(integrationId: string, institutionId: string) {
    const id = randomUUID();
    const secret = makeSecret();
    const [webhookSecret] = await this.database.query<WebhookSecret>(
      `INSERT INTO webhook_secrets (integration_id, id, institution_id, secret) VALUES ($1, $2, $3, $4)
       RETURNING ${COLUMNS}`,
      [integrationId, id, institutionId, this.sealer.seal(id, { secret })],
    );
    if (!webhookSecret) throw new Error('a secret was not inserted');
    return { webhookSecret, secret };
  }

  async #dropExpired(integrationId: string): Promise<void> {
    await this.database.execute(`DELETE FROM webhook_secrets WHERE integration_id = $1 AND NOT ${IS_GOOD}`, [
      integrationId,
    ]);
  }

  async #record(
    done: 'created' | 'rotated' | 'deleted',
    { id, integrationId }: WebhookSecret,
    institutionId: string,
    after: object | null,
  ): Promise<void> {
    await recordEvent(this.database, {
      institutionId,
      action: `webhook_secret.${done}`,
      objectType: 'WEBHOOK_SECRET',
      objectId: id,
      integrationId,
      after,
    });
  }
}

function noIntegration(id: string): ServiceError {
  return new ServiceError('not_found', `There is no integration ${id}.`, { reason: 'INTEGRATION_NOT_FOUND' });
}

function tooMany(): ServiceError {
  return new ServiceError(
    'failed_precondition',
    `An integration has ${MOST_SECRETS} secrets for webhooks at most. Delete one first, or rotate them.`,
    { reason: 'TOO_MANY_WEBHOOK_SECRETS' },
  );
}
