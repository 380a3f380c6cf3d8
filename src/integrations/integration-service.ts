import { randomUUID } from 'node:crypto';
import type { AttendanceService, Delivery, DeliveryStatus, SendReport } from '../attendance/index.js';
import type {
  Capabilities,
  ConfinedFiles,
  ConnectionReport,
  ConnectorFactory,
  MappingEntityType,
  TakenFile,
} from '../connectors/index.js';
import { ServiceError, throwOwnFault, UnopenableCredentialsError } from '../errors.js';
import type { MappingService } from '../mappings/index.js';
import type { Page, PageRequest } from '../paging.js';
import { requireStorable } from '../require-storable.js';
import {
  type BulkDecision,
  type BulkOutcome,
  type ConflictResolution,
  canRollBack,
  type GuardOverride,
  type IssueExport,
  type ListChangesRequest,
  MOST_SINGLE,
  type Renumbered,
  type RunFilter,
  type RunJobs,
  type RunState,
  type RunTrigger,
  type SyncChange,
  type SyncConflict,
  type SyncIssue,
  type SyncReport,
  type SyncRun,
  type SyncScope,
  type SyncService,
} from '../sync/index.js';
import { checkPolicy, checkSettings, mergeConfig, timeZoneOf } from './check-settings.js';
import type { ConnectorSessions, ConnectorTarget, CredentialOpener } from './connector-session.js';
import type { CredentialSealer } from './credential-keys.js';
import { type FileUpload, FileUploads } from './file-uploads.js';
import type { CreateIntegrationInput, Integration, UpdateIntegrationInput } from './integration.js';
import { type IntegrationFilter, type IntegrationStore, toIntegration } from './integration-store.js';
import type { PushIntake } from './push-intake.js';
import { SyncOutcome } from './sync-outcome.js';
import { capabilitiesOf } from './sync-work.js';
import { usable } from './usable.js';

export interface IntegrationServiceParts {
  store: IntegrationStore;
  factory: ConnectorFactory;
  sessions: ConnectorSessions;
  /** Where uploaded files lie. */
  files: ConfinedFiles;
  vault: CredentialSealer;
  syncs: SyncService;
  runJobs: RunJobs;
  mappings: MappingService;
  attendance: AttendanceService;
  pushes: PushIntake;
  /** How long the changes of runs are kept, in days. */
  changesDays: number;
}

/** A run, and until when it can be taken back, about; null: it cannot. */
export type ShownRun = SyncRun & { rollbackUntil: Date | null };

/** How an integration stands. */
export interface SyncLogs {
  integrationId: string;
  provider: string;
  status: Integration['status'];
  lastSyncAt: Date | null;
  mappingsCount: number;
  /** The latest 20, newest first. */
  runs: ShownRun[];
}

const LATEST_RUNS = 20;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Integrations with schools' systems: their settings, connection tests, syncs, and attendance sent back. */
export class IntegrationService {
  readonly #outcome: SyncOutcome;
  readonly #uploads: FileUploads;

  constructor(private readonly parts: IntegrationServiceParts) {
    this.#outcome = new SyncOutcome(parts.store);
    this.#uploads = new FileUploads(parts);
  }

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

  /** The integrations that fit, oldest first. */
  async listIntegrations(request: PageRequest & IntegrationFilter = {}): Promise<Page<Integration>> {
    requireStorable(request);
    return this.parts.store.list(request);
  }

  /** Changes what is given and nothing else. */
  async updateIntegration(id: string, input: UpdateIntegrationInput): Promise<Integration> {
    const { store, factory, vault } = this.parts;
    requireStorable(input);
    return store.update(
      id,
      (row) => {
        const config = input.config ? mergeConfig(row.config, input.config) : row.config;
        if (input.config || input.credentials) {
          const credentials = input.credentials ?? openStored(vault, row);
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
      },
      { secrets: input.credentials ? ['credentials'] : [] },
    );
  }

  /**
   * Removes an integration with its mappings and runs; the roster stays, and what it changed stays in the
   * feed. The memberships it brought end; files that were uploaded for it are removed.
   */
  async deleteIntegration(id: string): Promise<void> {
    await this.parts.store.delete(id, (row) => this.#uploads.forget(row));
  }

  /**
   * Takes a file in place of the one of the same list, and tells how it is understood. Throws
   * `failed_precondition` where the integration takes no files, `invalid_argument` for one that cannot be read.
   */
  async uploadFile(id: string, upload: FileUpload): Promise<TakenFile> {
    const { fileName, list } = upload;
    requireStorable({ fileName, list });
    return this.#uploads.upload(id, upload);
  }

  /** Removes what processes that died while they wrote a file left; returns how many files went. */
  async sweepFiles(): Promise<number> {
    return this.#uploads.sweep();
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
   * integration is INACTIVE, `unimplemented` when its provider has no such entities. The run goes on when
   * `signal` is aborted, which throws `deadline_exceeded` that names it.
   */
  async syncData(
    id: string,
    entityType: SyncScope = 'ALL',
    options: { guard?: GuardOverride | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<SyncReport> {
    const { guard, signal = never() } = options;
    requireStorable({ guard });
    return this.parts.runJobs.run(await this.#requestOf(id, entityType, 'SYNC', guard), signal);
  }

  /** What a sync would do, with nothing written: the report has the counts, `listSyncChanges` each change. */
  async previewSync(
    id: string,
    entityType: SyncScope = 'ALL',
    { signal = never() }: { signal?: AbortSignal | undefined } = {},
  ): Promise<SyncReport> {
    return this.parts.runJobs.run(await this.#requestOf(id, entityType, 'PREVIEW'), signal);
  }

  /**
   * Puts a sync or a preview into the queue, and returns its run, which is QUEUED; where the same waits
   * already, that one. Otherwise throws what `syncData` throws, but that it waits while another is under way.
   * `externalIds`: of these alone, where the connector can read them one by one and they are not too many.
   */
  async startSync(
    id: string,
    entityType: SyncScope = 'ALL',
    options: {
      kind?: 'SYNC' | 'PREVIEW' | undefined;
      guard?: GuardOverride | undefined;
      trigger?: RunTrigger | undefined;
      externalIds?: readonly string[] | undefined;
    } = {},
  ): Promise<SyncRun> {
    requireStorable(options);
    const { kind = 'SYNC', guard, trigger } = options;
    const request = await this.#requestOf(id, entityType, kind, guard);
    const ids = options.externalIds ?? [];
    const isSingle = entityType !== 'ALL' && request.readsOne.includes(entityType);
    const externalIds = isSingle && ids.length > 0 && ids.length <= MOST_SINGLE ? ids : undefined;
    return (await this.parts.runJobs.request({ ...request, trigger, externalIds })).run;
  }

  /** The zone of the school, or the default one. Throws `not_found`. */
  async timeZoneOf(id: string): Promise<string> {
    return timeZoneOf((await this.getIntegration(id)).config);
  }

  /**
   * The integration, when it can be synced so. Throws `not_found`, and `unimplemented` when its provider has no
   * such entities.
   */
  async requireSyncable(id: string, entityType: SyncScope): Promise<Integration> {
    const row = await this.parts.store.row(id);
    if (entityType !== 'ALL') this.#requireEntityType(row, entityType);
    return toIntegration(row);
  }

  /**
   * A run as it stands, and again whenever that changes, until it has ended or `signal` is aborted. Throws
   * `not_found`.
   */
  async *watchSync(id: string, runId: string, signal: AbortSignal = never()): AsyncGenerator<RunState> {
    await this.getIntegration(id);
    yield* this.parts.syncs.watch.watch(id, runId, signal);
  }

  /**
   * Stops a run before it writes anything: at once where it waits, else at its next page, within two seconds.
   * Returns the run as it is then. Throws `failed_precondition` that says how it ended when it has.
   */
  async cancelSync(id: string, runId: string, reason = ''): Promise<SyncRun> {
    requireStorable({ reason });
    await this.getIntegration(id);
    return this.parts.runJobs.cancel(id, runId, reason);
  }

  /**
   * Applies a plan that is HELD or PREVIEWED exactly as it was shown; what moved since is left out and
   * listed.
   */
  async approveSync(
    id: string,
    runId: string,
    reason = '',
    options: { rekey?: boolean } = {},
  ): Promise<SyncReport> {
    requireStorable({ reason });
    await usable(this.parts.store, id);
    return this.#outcome.of(id, () => this.parts.syncs.approve(id, runId, reason, options));
  }

  /** Who would stay, under a new id, when a plan that waits is approved as a re-key, by the new ids. */
  async listRekeys(
    id: string,
    runId: string,
    request: PageRequest = {},
  ): Promise<Page<Renumbered> & { total: number }> {
    await this.getIntegration(id);
    return this.parts.syncs.listRekeys(id, runId, request);
  }

  /** Puts a plan away that is HELD or PREVIEWED. */
  async discardSync(id: string, runId: string, reason = ''): Promise<SyncRun> {
    requireStorable({ reason });
    await this.getIntegration(id);
    return this.parts.syncs.discard(id, runId, reason);
  }

  /**
   * Takes back what a run did; what was changed since is refused and listed. With `preview`, nothing is
   * written yet.
   */
  async rollbackSync(id: string, runId: string, options: { preview?: boolean } = {}): Promise<SyncReport> {
    await usable(this.parts.store, id);
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

  /**
   * Says who many people are at once: all who wait and have a candidate by one rule. With `preview`, only
   * tells what would be decided.
   */
  async resolveConflicts(id: string, decision: BulkDecision): Promise<BulkOutcome> {
    requireStorable(decision);
    const { institutionId } = await this.getIntegration(id);
    return this.parts.syncs.conflicts.resolveInBulk({ integrationId: id, institutionId }, decision);
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
    const row = await usable(this.parts.store, id);
    if (!this.#capabilities(row).sendsAttendance) {
      const { capabilities } = this.parts.factory.definition(row.provider);
      const when = capabilities.sendsAttendance ? ' with these settings' : ': it is only read from';
      throw new ServiceError('unimplemented', `${row.provider} takes no attendance${when}.`, {
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
      await this.#outcome.note(id, report.success ? null : (report.errors[0] ?? 'Nothing was sent.'));
    return report;
  }

  /**
   * Makes the secret that the school system pushes with, in place of the one before. It cannot be shown
   * again.
   */
  createPushSecret(id: string): Promise<string> {
    return this.parts.pushes.createSecret(id);
  }

  /**
   * Takes in what the school system pushed, and returns SmartID's id of it. Throws `not_found` for a wrong
   * secret, `invalid_argument` for a body that cannot be used, `failed_precondition` when a person must
   * decide first: on the run that is held, which it names, or on who the student is.
   */
  receivePush(id: string, secret: string, body: unknown): Promise<string> {
    return this.parts.pushes.receive(id, secret, body);
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
    const runs = items.map((run) => this.#withRollback(run));
    return { integrationId: id, provider, status, lastSyncAt, mappingsCount, runs };
  }

  /** The runs of an integration, or of all without one, newest first. */
  async listSyncRuns(id: string | undefined, request: PageRequest & RunFilter = {}): Promise<Page<ShownRun>> {
    requireStorable(request);
    if (id !== undefined) await this.getIntegration(id);
    const page = await this.parts.syncs.runs.list(id, request);
    return { ...page, items: page.items.map((run) => this.#withRollback(run)) };
  }

  async getSyncRun(id: string, runId: string): Promise<ShownRun> {
    await this.getIntegration(id);
    return this.#withRollback(await this.parts.syncs.runs.get(id, runId));
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

  #withRollback(run: SyncRun): ShownRun {
    const ended = (run.finishedAt ?? run.startedAt).getTime();
    const rollbackUntil = canRollBack(run) ? new Date(ended + this.parts.changesDays * DAY_MS) : null;
    return { ...run, rollbackUntil };
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

  async #requestOf(id: string, entityType: SyncScope, kind: 'SYNC' | 'PREVIEW', guard?: GuardOverride) {
    const row = await usable(this.parts.store, id);
    if (entityType !== 'ALL') this.#requireEntityType(row, entityType);
    const host = this.parts.factory.definition(row.provider).host?.(row.config);
    const { readsOne = [] } = this.#capabilities(row);
    return { integrationId: id, institutionId: row.institutionId, entityType, kind, guard, host, readsOne };
  }
}

/** The stored credentials, to check settings with. Throws `failed_precondition` when they cannot be opened. */
function openStored(vault: CredentialOpener, { id, credentials }: { id: string; credentials: string }) {
  try {
    return vault.open(id, credentials);
  } catch (error) {
    if (!(error instanceof UnopenableCredentialsError)) throw error;
    throw new ServiceError('failed_precondition', error.message, { reason: 'CREDENTIALS_UNOPENABLE' });
  }
}

/** Of a caller who waits as long as it takes. One of its own: whatever listens to it is gone with the call. */
function never(): AbortSignal {
  return new AbortController().signal;
}

function sentenceOf(error: unknown): string {
  throwOwnFault(error);
  if (error instanceof ServiceError) throw error;
  return error instanceof Error ? error.message : String(error);
}
