import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { identifyCaller } from '../audit/index.js';
import { ConnectorError, type ConnectorFactory, type PushedRecords } from '../connectors/index.js';
import { ServiceError } from '../errors.js';
import type { MappingService } from '../mappings/index.js';
import type { SyncService } from '../sync/index.js';
import type { IntegrationStore } from './integration-store.js';
import { policyOf } from './sync-work.js';
import { usable } from './usable.js';

/** Takes in what school systems push, each by a secret of its own. */
export class PushIntake {
  constructor(
    private readonly parts: {
      store: IntegrationStore;
      factory: ConnectorFactory;
      syncs: SyncService;
      mappings: MappingService;
    },
  ) {}

  /**
   * Makes the secret that the school system pushes with, in place of the one before. It cannot be shown
   * again.
   */
  async createSecret(id: string): Promise<string> {
    const { provider } = await this.parts.store.row(id);
    if (!this.parts.factory.definition(provider).receive) throw pushUnsupported(provider);
    const secret = randomBytes(32).toString('base64url');
    await this.parts.store.update(
      id,
      (row) => {
        row.pushSecretDigest = digestOf(secret).toString('hex');
      },
      { secrets: ['pushSecret'] },
    );
    return secret;
  }

  /**
   * Takes in what the school system pushed, and returns SmartID's id of it. Throws `not_found` for a wrong
   * secret,
   * `invalid_argument` for a body that cannot be used, `failed_precondition` when a person must decide first:
   * on the run that is held, which it names, or on who the student is.
   */
  async receive(id: string, secret: string, body: unknown): Promise<string> {
    const known = await this.parts.store.row(id).catch(() => undefined);
    const digest = Buffer.from(known?.pushSecretDigest ?? '', 'hex');
    if (!known || digest.length === 0 || !timingSafeEqual(digest, digestOf(secret))) {
      throw new ServiceError(
        'not_found',
        'There is nothing at this address. Look whether its secret was replaced.',
        {
          reason: 'PUSH_ADDRESS_NOT_FOUND',
        },
      );
    }
    identifyCaller({ actor: 'push' });
    const row = await usable(this.parts.store, id);
    const { receive } = this.parts.factory.definition(row.provider);
    if (!receive) throw pushUnsupported(row.provider);
    const { entityType, externalId, source } = readPushed(receive, body);
    const key = { integrationId: id, institutionId: row.institutionId, entityType };
    const report = await this.parts.syncs.syncPushed(key, source, policyOf(row));
    if (report.status === 'HELD') {
      // Nothing is wrong with the body: it comes in when a person approves the run.
      throw new ServiceError(
        'failed_precondition',
        report.errors[0] ?? 'The plan of what was pushed is held.',
        {
          reason: 'PUSH_HELD',
          metadata: { runId: report.runId },
        },
      );
    }
    if (!report.success || report.errorCount > 0) {
      throw new ServiceError('invalid_argument', report.errors.join('; '), { reason: 'PUSH_REFUSED' });
    }
    if (report.counts.conflicts > 0) {
      throw new ServiceError(
        'failed_precondition',
        'Nobody can tell who this person is. A person has to say so: see ListConflicts.',
        {
          reason: 'IDENTITY_CONFLICT',
        },
      );
    }
    return (await this.parts.mappings.getMappingByExternalId(id, entityType, externalId)).internalId;
  }
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function pushUnsupported(provider: string): ServiceError {
  return new ServiceError('unimplemented', `${provider} does not push to us.`, {
    reason: 'PUSH_UNSUPPORTED',
  });
}

function readPushed(receive: (body: unknown) => PushedRecords, body: unknown): PushedRecords {
  try {
    return receive(body);
  } catch (error) {
    if (error instanceof ConnectorError)
      throw new ServiceError('invalid_argument', error.message, { reason: 'PUSH_REFUSED' });
    throw error;
  }
}
