import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { identifyCaller, PUSH } from '../audit/index.js';
import {
  ConnectorError,
  type ConnectorFactory,
  type MappingEntityType,
  type ReceivedChange,
  type StudentRecord,
} from '../connectors/index.js';
import { ServiceError } from '../errors.js';
import type { MappingService } from '../mappings/index.js';
import type { SyncReport, SyncService } from '../sync/index.js';
import type { ReceivedStatus, ReceivedStore, StoredPush } from '../webhooks/index.js';
import type { IntegrationStore } from './integration-store.js';
import { policyOf, type SyncTarget } from './sync-work.js';
import { usable } from './usable.js';

export interface PushIntakeParts {
  store: IntegrationStore;
  factory: ConnectorFactory;
  syncs: SyncService;
  mappings: MappingService;
  received: ReceivedStore;
}

/** How often it is tried to take in what was left, where that ends with a fault of ours. */
const MOST_FAULTS = 3;

/** The one record that a push is about. */
interface Pushed {
  entityType: MappingEntityType;
  externalId: string;
  record: StudentRecord;
}

/** Takes in what school systems push, each by a secret of its own. It is stored before anything is done with it. */
export class PushIntake {
  constructor(private readonly parts: PushIntakeParts) {}

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
   * secret, `invalid_argument` for a body that cannot be used, `failed_precondition` when a person must decide
   * first: on the run that is held, which it names, or on who the student is. Should this process die on the
   * way, another takes it in.
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
    identifyCaller({ actor: PUSH });
    const row = await usable(this.parts.store, id);
    const { received } = this.parts;
    const bytes = Buffer.from(JSON.stringify(body) ?? '');
    let pushed: Pushed;
    try {
      pushed = this.#read(row.provider, body);
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'invalid_argument')
        await received.addPush(id, { body: bytes, changes: [], refused: error.message });
      throw error;
    }
    const { entityType, externalId } = pushed;
    const changes = [{ entityType, externalIds: [externalId] }];
    const webhookId = await received.addPush(id, { body: bytes, changes });
    const refusal = await this.#takeIn(row, webhookId, pushed);
    if (refusal) throw refusal;
    return (await this.parts.mappings.getMappingByExternalId(id, entityType, externalId)).internalId;
  }

  /**
   * Takes in what was left by a process that died. Nobody waits for what becomes of it: it is kept with what was
   * pushed.
   */
  async takeLeft({ integrationId, webhookId, body, attempts }: StoredPush): Promise<void> {
    const mark = (status: ReceivedStatus, reason: string) =>
      this.parts.received.mark(integrationId, [webhookId], { status, reason });
    try {
      const row = await usable(this.parts.store, integrationId);
      const pushed = this.#read(row.provider, JSON.parse(body.toString('utf8')));
      await this.#takeIn(row, webhookId, pushed);
    } catch (error) {
      // Where nothing is done here, it waits, and is tried again when its time has come.
      if (!(error instanceof ServiceError)) {
        if (attempts >= MOST_FAULTS)
          await mark(
            'FAILED',
            'Taking it in ended with an internal error of the service; its log tells more.',
          );
        throw error;
      }
      if (error.code === 'invalid_argument' || error.code === 'unimplemented')
        await mark('REFUSED', error.message);
    }
  }

  /** Syncs the record, and notes what became of it. Returns why it did not come in, where it did not. */
  async #takeIn(
    { id, institutionId, policy }: SyncTarget,
    webhookId: string,
    { entityType, record }: Pushed,
  ): Promise<ServiceError | undefined> {
    const { syncs, received } = this.parts;
    const source = { entities: onePage(record), partial: true };
    const report = await syncs.syncPushed(
      { integrationId: id, institutionId, entityType },
      source,
      policyOf({ policy }),
    );
    const refusal = refusalOf(report);
    const { runId } = report;
    const status: ReceivedStatus = refusal?.code === 'invalid_argument' ? 'REFUSED' : 'DONE';
    await received.mark(id, [webhookId], { status, reason: refusal?.message, runIds: [runId] });
    return refusal;
  }

  #read(provider: string, body: unknown): Pushed {
    const { receive } = this.parts.factory.definition(provider);
    if (!receive) throw pushUnsupported(provider);
    const [change] = readPushed(receive, body);
    const [externalId] = change?.externalIds ?? [];
    if (!change?.record || change.entityType === 'ALL' || externalId === undefined)
      throw pushUnsupported(provider);
    return { entityType: change.entityType, externalId, record: change.record };
  }
}

/** Why what was pushed did not come in; undefined when it did. */
function refusalOf(report: SyncReport): ServiceError | undefined {
  if (report.status === 'HELD') {
    // Nothing is wrong with the body: it comes in when a person approves the run.
    return new ServiceError(
      'failed_precondition',
      report.errors[0] ?? 'The plan of what was pushed is held.',
      {
        reason: 'PUSH_HELD',
        metadata: { runId: report.runId },
      },
    );
  }
  if (!report.success || report.errorCount > 0)
    return new ServiceError('invalid_argument', report.errors.join('; '), { reason: 'PUSH_REFUSED' });
  if (report.counts.conflicts === 0) return undefined;
  return new ServiceError(
    'failed_precondition',
    'Nobody can tell who this person is. A person has to say so: see ListConflicts.',
    {
      reason: 'IDENTITY_CONFLICT',
    },
  );
}

async function* onePage<T>(record: T): AsyncGenerator<T[]> {
  yield [record];
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function pushUnsupported(provider: string): ServiceError {
  return new ServiceError('unimplemented', `${provider} does not push to us.`, {
    reason: 'PUSH_UNSUPPORTED',
  });
}

function readPushed(
  receive: (body: unknown) => readonly ReceivedChange[],
  body: unknown,
): readonly ReceivedChange[] {
  try {
    return receive(body);
  } catch (error) {
    if (error instanceof ConnectorError)
      throw new ServiceError('invalid_argument', error.message, { reason: 'PUSH_REFUSED' });
    throw error;
  }
}
