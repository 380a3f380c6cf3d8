import type { Repository } from 'sequelize-typescript';
import { differenceOf, recordEvent } from '../audit/index.js';
import { keepChangesOf, lockInstitution } from '../changes/index.js';
import { type Database, IntegrationModel } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { emit } from '../events/index.js';
import { allOf, type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import type { ConnectorTarget } from './connector-session.js';
import type { Integration, IntegrationStatus } from './integration.js';

/**
 * Where things that belong to an integration stand, in the order they are deleted. Runs go first: a run that
 * is under way locks its own row while it writes, so what it has written by then is deleted with the rest,
 * and it writes no more.
 */
const BELONGINGS = [
  'sync_runs',
  // Whoever works on something of the integration can write nothing more. All lock runs before leases.
  'leases',
  'integration_mappings',
  'sync_staged',
  'sync_changes',
  'sync_issues',
  'sync_conflicts',
  'outbox_sendings',
  'outbox_deliveries',
  'send_orders',
  'mapping_archive',
  'connector_memory',
  'sync_schedules',
  // Nothing is received any more once the secrets are gone.
  'webhook_secrets',
  'received_webhooks',
] as const;

/** Which integrations are listed; what is left out does not matter. */
export interface IntegrationFilter {
  institutionId?: string | undefined;
  status?: IntegrationStatus | undefined;
  /** In any case. */
  provider?: string | undefined;
}

/** The rows of integrations, and all that goes with them. */
export class IntegrationStore {
  readonly #integrations: Repository<IntegrationModel>;

  constructor(private readonly database: Database) {
    this.#integrations = database.repository(IntegrationModel);
  }

  /** The stored row, sealed credentials included. Throws `not_found`. */
  async row(id: string): Promise<IntegrationModel> {
    const row = await this.#integrations.findByPk(id);
    if (row) return row;
    throw new ServiceError('not_found', `There is no integration ${id}.`, {
      reason: 'INTEGRATION_NOT_FOUND',
    });
  }

  async create(
    values: Pick<
      IntegrationModel,
      'id' | 'institutionId' | 'provider' | 'config' | 'policy' | 'credentials' | 'credentialFields'
    >,
  ) {
    return this.database.transaction(async () => {
      const integration = toIntegration(await this.#integrations.create({ ...values, status: 'ACTIVE' }));
      await this.#record('created', integration.id, integration.institutionId, null, auditedOf(integration));
      return integration;
    });
  }

  /** The integrations that fit, oldest first. */
  async list(request: PageRequest & IntegrationFilter): Promise<Page<Integration>> {
    const size = pageSizeOf(request);
    const { institutionId, status, provider } = request;
    const key = readPageToken(request.pageToken, [TOKEN.time, TOKEN.uuid]);
    const values: unknown[] = [size + 1];
    const conditions = allOf([
      institutionId && `institution_id = $${values.push(institutionId)}`,
      status && `status = $${values.push(status)}`,
      provider && `provider = $${values.push(provider.toUpperCase())}`,
      key && `(created_at, id) > ($${values.push(key[0])}::timestamptz, $${values.push(key[1])}::uuid)`,
    ]);
    const rows = await this.database.query<Integration & { key: string }>(
      `SELECT id, institution_id AS "institutionId", provider, config, policy,
        credential_fields AS "credentialFields", status,
         last_sync_at AS "lastSyncAt", last_error AS "lastError", created_at AS "createdAt",
           updated_at AS "updatedAt",
         to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS key
       FROM integrations
       ${conditions}
       ORDER BY created_at, id LIMIT $1`,
      values,
    );
    return toPage(
      rows,
      size,
      (row) => [row.key, row.id],
      ({ key: _, ...integration }) => integration,
    );
  }

  /**
   * Changes a row under its lock, so that two changes at once both count. An error that it did not have is an
   * event. `secrets`: names of those that are replaced, for the audit.
   */
  async update(
    id: string,
    change: (row: IntegrationModel) => void,
    { secrets = [] }: { secrets?: readonly string[] } = {},
  ): Promise<Integration> {
    return this.database.transaction(async () => {
      const row = await this.#integrations.findByPk(id, { lock: true });
      if (!row)
        throw new ServiceError('not_found', `There is no integration ${id}.`, {
          reason: 'INTEGRATION_NOT_FOUND',
        });
      const before = auditedOf(toIntegration(row));
      change(row);
      const integration = toIntegration(await row.save());
      const changed = differenceOf(before, auditedOf(integration));
      const after = { ...changed.after, ...Object.fromEntries(secrets.map((name) => [name, REPLACED])) };
      if (Object.keys(after).length > 0)
        await this.#record('updated', id, row.institutionId, changed.before, after);
      if (integration.status === 'ERROR' && before.status !== 'ERROR') await this.#announceError(integration);
      return integration;
    });
  }

  /**
   * Does what puts a file into the place of another, under the lock of its integration, with an event of the
   * audit that is there exactly when it was done. Throws `not_found`.
   */
  async keepFile(id: string, file: object, place: () => Promise<void>): Promise<void> {
    await this.database.transaction(async () => {
      const row = await this.#integrations.findByPk(id, { lock: true });
      if (!row)
        throw new ServiceError('not_found', `There is no integration ${id}.`, {
          reason: 'INTEGRATION_NOT_FOUND',
        });
      await this.#record('file_uploaded', id, row.institutionId, null, file);
      await this.database.beforeCommit(place);
    });
  }

  /**
   * Removes an integration and all that belongs to it. The roster stays, and what the integration changed in
   * it stays in the feed of changes; the memberships it brought end, each with an entry there. `forget` removes
   * what lies elsewhere. Throws `not_found`.
   */
  async delete(id: string, forget: (row: ConnectorTarget) => Promise<void>): Promise<void> {
    await this.database.transaction(async () => {
      await this.database.allowLong();
      const [known] = await this.database.query<{ institutionId: string }>(
        'SELECT institution_id AS "institutionId" FROM integrations WHERE id = $1',
        [id],
      );
      // Before the row: all who write the roster take the two in this order.
      if (known) await lockInstitution(this.database, known.institutionId);
      const row = await this.#integrations.findByPk(id, { lock: true });
      if (!known || !row) {
        throw new ServiceError('not_found', `There is no integration ${id}.`, {
          reason: 'INTEGRATION_NOT_FOUND',
        });
      }
      const { institutionId } = known;
      const position = await keepChangesOf(this.database, { id, institutionId });
      for (const table of BELONGINGS)
        await this.database.execute(`DELETE FROM ${table} WHERE integration_id = $1`, [id]);
      await this.database.execute('DELETE FROM integrations WHERE id = $1', [id]);
      await this.#record('deleted', id, institutionId, auditedOf(toIntegration(row)), null);
      if (position !== undefined)
        await emit(this.database, {
          institutionId,
          integrationId: id,
          type: 'roster.changed',
          data: { integrationId: id, runId: null, entityType: 'MEMBERSHIP', position },
        });
      // Last: who cannot remove the files keeps the integration, and whoever dies now deletes it again.
      await this.database.beforeCommit(() => forget(row));
    });
  }

  async #announceError({ id, institutionId, provider, lastError }: Integration): Promise<void> {
    await emit(this.database, {
      institutionId,
      integrationId: id,
      type: 'integration.error',
      data: { integrationId: id, provider, error: lastError ?? '' },
    });
  }

  async #record(
    done: 'created' | 'updated' | 'deleted' | 'file_uploaded',
    id: string,
    institutionId: string,
    before: object | null,
    after: object | null,
  ): Promise<void> {
    await recordEvent(this.database, {
      institutionId,
      action: `integration.${done}`,
      objectType: 'INTEGRATION',
      objectId: id,
      integrationId: id,
      before,
      after,
    });
  }
}

/** What stands for a secret that was replaced. */
const REPLACED = '[replaced]';

/** What the audit keeps of an integration: what people set, no secret among it. */
function auditedOf({ provider, config, policy, credentialFields, status }: Integration) {
  return structuredClone({ provider, config, policy, credentialFields, status });
}

export function toIntegration(row: IntegrationModel): Integration {
  const {
    id,
    institutionId,
    provider,
    config,
    policy,
    credentialFields,
    status,
    lastSyncAt,
    lastError,
    createdAt,
    updatedAt,
  } = row;
  return {
    id,
    institutionId,
    provider,
    config,
    policy,
    credentialFields,
    status,
    lastSyncAt,
    lastError,
    createdAt,
    updatedAt,
  };
}
