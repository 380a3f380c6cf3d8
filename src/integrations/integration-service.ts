import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { AttendanceService, Delivery, DeliveryStatus, SendReport } from '../attendance/index.js';
import {
  type Capabilities,
  type ConnectionReport,
  ConnectorError,
  type ConnectorFactory,
  type MappingEntityType,
  type PushedRecords,
} from '../connectors/index.js';
import { ServiceError } from '../errors.js';
import type { MappingService } from '../mappings/index.js';
import type { Page, PageRequest } from '../paging.js';
import { requireStorable } from '../require-storable.js';
import type {
  ConflictResolution,
  GuardOverride,
  IssueExport,
  ListChangesRequest,
  SyncChange,
  SyncConflict,
  SyncIssue,
  SyncReport,
  SyncRun,
  SyncScope,
  SyncService,
} from '../sync/index.js';
import { storableText } from '../values/index.js';
import { checkPolicy, checkSettings, mergeConfig } from './check-settings.js';
import type { ConnectorSessions, ConnectorTarget, CredentialOpener } from './connector-session.js';
import type { CreateIntegrationInput, Integration, UpdateIntegrationInput } from './integration.js';
import { type IntegrationStore, toIntegration } from './integration-store.js';
import { capabilitiesOf, policyOf, type SyncTarget } from './sync-work.js';

export interface CredentialSealer extends CredentialOpener {
  seal(integrationId: string, credentials: Record<string, string>): string;
}

export interface IntegrationServiceParts {
  store: IntegrationStore;
  factory: ConnectorFactory;
  sessions: ConnectorSessions;
  vault: CredentialSealer;
  syncs: SyncService;
  mappings: MappingService;
  attendance: AttendanceService;
}

/** How an integration stands. */
export interface SyncLogs {
  integrationId: string;
  provider: string;
  status: Integration['status'];
  lastSyncAt: Date | null;
  mappingsCount: number;
  /** The latest 20, newest first. */
  runs: SyncRun[];
}

const LATEST_RUNS = 20;

/** Integrations with schools' systems: their settings, connection tests, syncs, and attendance sent back. */
export class IntegrationService {
  constructor(private readonly parts: IntegrationServiceParts) {}

  /** Connects an institution to a school system. Throws `invalid_argument` that names every wrong setting. */
  async createIntegration(input: CreateIntegrationInput): Promise<Integration> {
    const { store, factory, vault } = this.parts;
    requireStorable(input);
    const definition = factory.definition(input.provider);
    const config = input.config ?? {};
    const credentials = input.credentials ?? {};
    checkSettings(definition, config, credentials);
    const policy = input.policy ?? {};
    checkPolicy(policy);
    const id = randomUUID();
    return store.create({
      id,
      institutionId: input.institutionId,
      provider: definition.provider,
      config,
      policy,
      credentials: vault.seal(id, credentials as Record<string, string>),
      credentialFields: Object.keys(credentials).sort(),
    });
  }

  /** Throws `not_found`. */
  async getIntegration(id: string): Promise<Integration> {
    return toIntegration(await this.parts.store.row(id));
  }

  /** Integrations of an institution, or of all, oldest first. */
  async listIntegrations(
    request: PageRequest & { institutionId?: string | undefined } = {},
  ): Promise<Page<Integration>> {
    return this.parts.store.list(request.institutionId, request);
  }

  /** Changes what is given and nothing else. */
  async updateIntegration(id: string, input: UpdateIntegrationInput): Promise<Integration> {
    const { store, factory, vault } = this.parts;
    requireStorable(input);
    return store.update(id, (row) => {
      const config = input.config ? mergeConfig(row.config, input.config) : row.config;
      if (input.config || input.credentials) {
        const credentials = input.credentials ?? vault.open(id, row.credentials);
        checkSettings(factory.definition(row.provider), config, credentials);
      }
      row.config = config;
      if (input.policy) {
        row.policy = mergeConfig(row.policy, input.policy);
        checkPolicy(row.policy);
      }
      if (input.credentials) {
        row.credentials = vault.seal(id, input.credentials as Record<string, string>);
        row.credentialFields = Object.keys(input.credentials).sort();
      }
      if (input.status) row.set({ status: input.status, lastError: null });
    });
  }

  /**
   * Removes an integration with its mappings and runs; the roster stays, and what it changed stays in the
   * feed. The memberships it brought end.
   */
  async deleteIntegration(id: string): Promise<void> {
    await this.parts.store.delete(id);
  }

  /**
   * Tells how the connection is: a refusal is a result with success false and the reason. Changes nothing.
   */
  async testConnection(id: string): Promise<Required<ConnectionReport>> {
    const row = await this.parts.store.row(id);
    const result = await this.parts.sessions
      .run(row, (connector) => connector.testConnection())
      .catch((error: unknown): ConnectionReport => ({ success: false, message: sentenceOf(error) }));
    const report: ConnectionReport = typeof result === 'boolean' ? { success: result } : result;
    const message =
      report.message ??
      (report.success ? 'Connection successful' : 'The school system refused the connection.');
    return { success: report.success, message, checks: report.checks ?? [] };
  }

  /**
   * Brings one entity type up to date, or all of them: courses, teachers, groups, students. A plan that would
   * take away or change too much is held for a person (success false); `guard` sets other thresholds for this
   * run. Throws `aborted` while another run of the same is under way, `failed_precondition` when the
   * integration is INACTIVE, `unimplemented` when its provider has no such entities.
   */
  async syncData(
    id: string,
    entityType: SyncScope = 'ALL',
    options: { guard?: GuardOverride | undefined } = {},
  ): Promise<SyncReport> {
    requireStorable(options);
    return this.#recordOutcome(id, () => this.#sync(id, entityType, 'SYNC', options.guard));
  }

  /** What a sync would do, with nothing written: the report has the counts, `listSyncChanges` each change. */
  async previewSync(id: string, entityType: SyncScope = 'ALL'): Promise<SyncReport> {
    return this.#sync(id, entityType, 'PREVIEW');
  }

  /**
   * Applies a plan that is HELD or PREVIEWED exactly as it was shown; what moved since is left out and
   * listed.
   */
  async approveSync(id: string, runId: string, reason = ''): Promise<SyncReport> {
    requireStorable({ reason });
    await this.#usable(id);
    return this.#recordOutcome(id, () => this.parts.syncs.approve(id, runId, reason));
  }

  /** Puts a plan away that is HELD or PREVIEWED. */
  async discardSync(id: string, runId: string, reason = ''): Promise<SyncRun> {
    requireStorable({ reason });
    await this.getIntegration(id);
    const run = await this.parts.syncs.discard(id, runId, reason);
    await this.#note(id, null);
    return run;
  }

  /**
   * Takes back what a run did; what was changed since is refused and listed. With `preview`, nothing is
   * written yet.
   */
  async rollbackSync(id: string, runId: string, options: { preview?: boolean } = {}): Promise<SyncReport> {
    await this.#usable(id);
    return this.parts.syncs.rollBack(id, runId, options);
  }

  /** What a run did, or what its plan would do, change by change. */
  async listSyncChanges(
    id: string,
    runId: string,
    request: ListChangesRequest = {},
  ): Promise<Page<SyncChange>> {
    await this.getIntegration(id);
    return this.parts.syncs.listChanges(id, runId, request);
  }

  /** New people of the source of whom a person must say who they are. */
  async listConflicts(
    id: string,
    request: PageRequest & { resolved?: boolean | undefined } = {},
  ): Promise<Page<SyncConflict>> {
    await this.getIntegration(id);
    return this.parts.syncs.listConflicts(id, request);
  }

  /**
   * Says who somebody is: linked to `internalId`, somebody new, or left out. The next sync does it, and every
   * one after.
   */
  async resolveConflict(
    id: string,
    conflictId: string,
    resolution: ConflictResolution,
    internalId?: string,
  ): Promise<SyncConflict> {
    const { institutionId } = await this.getIntegration(id);
    return this.parts.syncs.conflicts.resolve(
      { integrationId: id, institutionId },
      conflictId,
      resolution,
      internalId,
    );
  }

  /** Does the runs of processes that died, one after the other; returns how many. */
  async resumeAbandonedRuns(): Promise<number> {
    let count = 0;
    for (
      let held = await this.parts.syncs.claims.claimAnyDead();
      held;
      held = await this.parts.syncs.claims.claimAnyDead()
    ) {
      const claimed = held;
      await this.#recordOutcome(claimed.run.integrationId, () => this.parts.syncs.carryOut(claimed));
      count += 1;
    }
    return count;
  }

  /**
   * Sends what the school does not have yet of a class session's attendance; with `resend`, all of it.
   * Records that cannot be sent are error sentences; the others are sent.
   */
  async sendAttendance(
    id: string,
    sessionId: string,
    options: { resend?: boolean } = {},
  ): Promise<SendReport> {
    const row = await this.#usable(id);
    if (!this.#capabilities(row).sendsAttendance) {
      throw new ServiceError('unimplemented', `${row.provider} takes no attendance with these settings.`, {
        reason: 'ATTENDANCE_UNSUPPORTED',
      });
    }
    const report = await this.parts.attendance.send(
      row,
      sessionId,
      (sheet, callbacks) =>
        this.parts.sessions.run(row, (connector) => connector.sendAttendance(sessionId, sheet), callbacks),
      options.resend,
    );
    // Where nothing was sent, nothing was learnt about the school system.
    if (report.sent > 0 || !report.success)
      await this.#note(id, report.success ? null : (report.errors[0] ?? 'Nothing was sent.'));
    return report;
  }

  /**
   * Makes the secret that the school system pushes with, in place of the one before. It cannot be shown
   * again.
   */
  async createPushSecret(id: string): Promise<string> {
    const { provider } = await this.getIntegration(id);
    if (!this.parts.factory.definition(provider).receive) throw pushUnsupported(provider);
    const secret = randomBytes(32).toString('base64url');
    await this.parts.store.update(id, (row) => {
      row.pushSecretDigest = digestOf(secret).toString('hex');
    });
    return secret;
  }

  /**
   * Takes in what the school system pushed, and returns SmartID's id of it. Throws `not_found` for a wrong
   * secret,
   * `invalid_argument` for a body that cannot be used, `failed_precondition` when a person must decide first:
   * on the run that is held, which it names, or on who the student is.
   */
  async receivePush(id: string, secret: string, body: unknown): Promise<string> {
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
    const row = await this.#usable(id);
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

  /** The outbox: marks on their way to the school system, with what became of them. */
  async listDeliveries(
    id: string,
    request: PageRequest & { sessionId?: string | undefined; status?: DeliveryStatus | undefined } = {},
  ): Promise<Page<Delivery>> {
    await this.getIntegration(id);
    return this.parts.attendance.listDeliveries(id, request);
  }

  async getSyncLogs(id: string): Promise<SyncLogs> {
    const { provider, status, lastSyncAt } = await this.getIntegration(id);
    const [mappingsCount, { items }] = await Promise.all([
      this.parts.mappings.countMappings(id),
      this.parts.syncs.runs.list(id, { pageSize: LATEST_RUNS }),
    ]);
    return { integrationId: id, provider, status, lastSyncAt, mappingsCount, runs: items };
  }

  async listSyncRuns(id: string, request: PageRequest = {}): Promise<Page<SyncRun>> {
    await this.getIntegration(id);
    return this.parts.syncs.runs.list(id, request);
  }

  async getSyncRun(id: string, runId: string): Promise<SyncRun> {
    await this.getIntegration(id);
    return this.parts.syncs.runs.get(id, runId);
  }

  async listSyncIssues(
    id: string,
    runId: string,
    request: PageRequest & { severity?: SyncIssue['severity'] | undefined } = {},
  ): Promise<Page<SyncIssue>> {
    await this.getSyncRun(id, runId);
    return this.parts.syncs.listIssues(id, runId, request);
  }

  /**
   * The rows of a run that failed, as the file they came in with what is wrong in a last column: ready to be
   * corrected and imported again. `file`: which one, where rows of several failed. Throws `not_found` when
   * nothing failed.
   */
  async exportSyncIssues(
    id: string,
    runId: string,
    options: { file?: string | undefined } = {},
  ): Promise<IssueExport> {
    requireStorable(options);
    await this.getIntegration(id);
    return this.parts.syncs.exportIssues(id, runId, options.file || undefined);
  }

  async #usable(id: string): Promise<SyncTarget> {
    const row = await this.parts.store.row(id);
    if (row.status !== 'INACTIVE') return row;
    throw new ServiceError(
      'failed_precondition',
      'The integration is INACTIVE. Set its status to ACTIVE first.',
      {
        reason: 'INTEGRATION_INACTIVE',
      },
    );
  }

  #capabilities({ provider, config }: ConnectorTarget): Capabilities {
    return capabilitiesOf(this.parts.factory.definition(provider), config);
  }

  #requireEntityType(target: ConnectorTarget, entityType: MappingEntityType): void {
    const { entityTypes } = this.#capabilities(target);
    if (entityTypes.includes(entityType)) return;
    throw new ServiceError(
      'unimplemented',
      `${target.provider} does not sync ${entityType}; it syncs ${entityTypes.join(', ')}.`,
      {
        reason: 'ENTITY_TYPE_UNSUPPORTED',
      },
    );
  }

  async #sync(
    id: string,
    entityType: SyncScope,
    kind: 'SYNC' | 'PREVIEW',
    guard?: GuardOverride,
  ): Promise<SyncReport> {
    const row = await this.#usable(id);
    if (entityType !== 'ALL') this.#requireEntityType(row, entityType);
    return this.parts.syncs.sync({
      integrationId: id,
      institutionId: row.institutionId,
      entityType,
      kind,
      guard,
    });
  }

  /** Does a sync and notes on the integration how it went. */
  async #recordOutcome(id: string, sync: () => Promise<SyncReport>): Promise<SyncReport> {
    try {
      const report = await sync();
      await this.#note(id, report.success ? null : (report.errors[0] ?? 'The sync failed.'), report.success);
      return report;
    } catch (error) {
      // A call that was turned away says nothing about the integration.
      if (!(error instanceof ServiceError))
        await this.#note(id, 'The last sync ended with an internal error of the service.');
      throw error;
    }
  }

  /** ERROR with the reason, or back to ACTIVE; an INACTIVE integration stays so. */
  async #note(id: string, reason: string | null, synced = false): Promise<void> {
    const lastError = reason === null ? null : storableText(reason);
    await this.parts.store
      .update(id, (row) => {
        if (row.status !== 'INACTIVE')
          row.set({ status: lastError === null ? 'ACTIVE' : 'ERROR', lastError });
        if (synced) row.lastSyncAt = new Date();
      })
      .catch((error: unknown) => {
        // Deleted meanwhile: there is nothing left to note it on.
        if (!(error instanceof ServiceError && error.code === 'not_found')) throw error;
      });
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

function sentenceOf(error: unknown): string {
  if (error instanceof ServiceError) throw error;
  return error instanceof Error ? error.message : String(error);
}
