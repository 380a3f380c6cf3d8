import { randomUUID } from 'node:crypto';
import type { AttendanceService } from '../attendance/index.js';
import {
  type ConnectionReport,
  type ConnectorFactory,
  MappingEntityType,
  type SendResult,
  type SISConnector,
  type SyncResult,
} from '../connectors/index.js';
import { ServiceError } from '../errors.js';
import type { MappingService } from '../mappings/index.js';
import type { Page, PageRequest } from '../paging.js';
import type { SyncIssue, SyncReport, SyncRun, SyncService, SyncWork } from '../sync/index.js';
import { checkSettings, mergeConfig } from './check-settings.js';
import type { ConnectorSessions, ConnectorTarget, CredentialOpener } from './connector-session.js';
import type { CreateIntegrationInput, Integration, UpdateIntegrationInput } from './integration.js';
import { type IntegrationStore, toIntegration } from './integration-store.js';

export interface CredentialVaultDoor extends CredentialOpener {
  seal(integrationId: string, credentials: Record<string, string>): string;
}

export interface IntegrationServiceParts {
  store: IntegrationStore;
  factory: ConnectorFactory;
  sessions: ConnectorSessions;
  vault: CredentialVaultDoor;
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
    const definition = factory.definition(input.provider);
    const config = input.config ?? {};
    const credentials = input.credentials ?? {};
    checkSettings(definition, config, credentials);
    const id = randomUUID();
    return store.create({
      id,
      institutionId: input.institutionId,
      provider: definition.provider,
      config,
      credentials: vault.seal(id, credentials as Record<string, string>),
      credentialFields: Object.keys(credentials).sort(),
    });
  }

  /** Throws `not_found`. */
  async getIntegration(id: string): Promise<Integration> {
    return toIntegration(await this.parts.store.row(id));
  }

  /** Integrations of an institution, or of all, oldest first. */
  async listIntegrations(request: PageRequest & { institutionId?: string | undefined } = {}): Promise<Page<Integration>> {
    return this.parts.store.list(request.institutionId, request);
  }

  /** Changes what is given and nothing else. */
  async updateIntegration(id: string, input: UpdateIntegrationInput): Promise<Integration> {
    const { store, factory, vault } = this.parts;
    return store.update(id, (row) => {
      const config = input.config ? mergeConfig(row.config, input.config) : row.config;
      if (input.config || input.credentials) {
        const credentials = input.credentials ?? vault.open(id, row.credentials);
        checkSettings(factory.definition(row.provider), config, credentials);
      }
      row.config = config;
      if (input.credentials) {
        row.credentials = vault.seal(id, input.credentials as Record<string, string>);
        row.credentialFields = Object.keys(input.credentials).sort();
      }
      if (input.status) row.set({ status: input.status, lastError: null });
    });
  }

  /** Removes an integration with its mappings and runs; the roster stays. */
  async deleteIntegration(id: string): Promise<void> {
    await this.parts.store.delete(id);
  }

  /** Connects and looks round. A refusal is a result with success false and the reason. */
  async testConnection(id: string): Promise<Required<ConnectionReport>> {
    const row = await this.parts.store.row(id);
    const result = await this.parts.sessions
      .run(row, (connector) => connector.testConnection())
      .catch((error: unknown): ConnectionReport => ({ success: false, message: sentenceOf(error) }));
    const report: ConnectionReport = typeof result === 'boolean' ? { success: result } : result;
    const message = report.message ?? (report.success ? 'Connection successful' : 'The school system refused the connection.');
    await this.#note(id, report.success ? null : message);
    return { success: report.success, message, checks: report.checks ?? [] };
  }

  /**
   * Brings one entity type up to date. Throws `aborted` while another run of it is under way, `failed_precondition` when
   * the integration is INACTIVE, `unimplemented` when its provider has no such entities.
   */
  async syncData(id: string, entityType: MappingEntityType): Promise<SyncReport> {
    const row = await this.#usable(id);
    this.#requireEntityType(row.provider, entityType);
    const key = { integrationId: id, institutionId: row.institutionId, entityType };
    return this.#noting(id, () => this.parts.syncs.sync(key, this.#work(row, entityType)));
  }

  /** Takes up the runs of processes that died, one after the other; returns how many. */
  async resumeAbandonedRuns(): Promise<number> {
    let count = 0;
    for (let run = await this.parts.syncs.runs.takeUpAbandoned(); run; run = await this.parts.syncs.runs.takeUpAbandoned()) {
      const taken = run;
      const row = await this.parts.store.row(taken.integrationId);
      await this.#noting(row.id, () => this.parts.syncs.carryOut(taken, this.#work(row, taken.entityType)));
      count += 1;
    }
    return count;
  }

  /** Sends the attendance of a class session. Records that cannot be sent are error sentences; the others are sent. */
  async sendAttendance(id: string, sessionId: string): Promise<SendResult> {
    const row = await this.#usable(id);
    if (!this.parts.factory.definition(row.provider).capabilities.sendsAttendance) {
      throw new ServiceError('unimplemented', `${row.provider} takes no attendance.`, { reason: 'ATTENDANCE_UNSUPPORTED' });
    }
    const { sheet, errors } = await this.parts.attendance.sheetFor(row, sessionId);
    if (sheet.rows.length === 0) return { success: false, sent: 0, errors };
    const result = await this.parts.sessions
      .run(row, (connector) => connector.sendAttendance(sessionId, sheet))
      .catch((error: unknown): SendResult => ({ success: false, sent: 0, errors: [sentenceOf(error)] }));
    await this.#note(id, result.success ? null : (result.errors[0] ?? 'The school system did not take the attendance.'));
    return { success: result.success && errors.length === 0, sent: result.sent, errors: [...errors, ...result.errors] };
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
    return this.parts.syncs.runs.listIssues(runId, { ...request, integrationId: id });
  }

  async #usable(id: string): Promise<ConnectorTarget> {
    const row = await this.parts.store.row(id);
    if (row.status !== 'INACTIVE') return row;
    throw new ServiceError('failed_precondition', 'The integration is INACTIVE. Set its status to ACTIVE first.', {
      reason: 'INTEGRATION_INACTIVE',
    });
  }

  #requireEntityType(provider: string, entityType: MappingEntityType): void {
    const { entityTypes } = this.parts.factory.definition(provider).capabilities;
    if (entityTypes.includes(entityType)) return;
    throw new ServiceError('unimplemented', `${provider} does not sync ${entityType}; it syncs ${entityTypes.join(', ')}.`, {
      reason: 'ENTITY_TYPE_UNSUPPORTED',
    });
  }

  #work(target: ConnectorTarget, entityType: MappingEntityType): SyncWork {
    return (corridor) =>
      this.parts.sessions.run(target, (connector) => callSync(connector, entityType, target.institutionId), corridor);
  }

  /** Does a sync and notes on the integration how it went. */
  async #noting(id: string, sync: () => Promise<SyncReport>): Promise<SyncReport> {
    try {
      const report = await sync();
      await this.#note(id, report.success ? null : (report.errors[0] ?? 'The sync failed.'), report.success);
      return report;
    } catch (error) {
      // A call that was turned away says nothing about the integration.
      if (!(error instanceof ServiceError)) await this.#note(id, 'The last sync ended with an internal error of the service.');
      throw error;
    }
  }

  /** ERROR with the reason, or back to ACTIVE; an INACTIVE integration stays so. */
  async #note(id: string, lastError: string | null, synced = false): Promise<void> {
    await this.parts.store
      .update(id, (row) => {
        if (row.status !== 'INACTIVE') row.set({ status: lastError === null ? 'ACTIVE' : 'ERROR', lastError });
        if (synced) row.lastSyncAt = new Date();
      })
      .catch((error: unknown) => {
        // Deleted meanwhile: there is nothing left to note it on.
        if (!(error instanceof ServiceError && error.code === 'not_found')) throw error;
      });
  }
}

function callSync(connector: SISConnector, entityType: MappingEntityType, institutionId: string): Promise<SyncResult> {
  switch (entityType) {
    case MappingEntityType.STUDENT:
      return connector.syncStudents(institutionId);
    case MappingEntityType.COURSE:
      return connector.syncCourses(institutionId);
    case MappingEntityType.GROUP:
      return (connector.syncGroups ?? notOffered).call(connector, institutionId);
    case MappingEntityType.TEACHER:
      return (connector.syncTeachers ?? notOffered).call(connector, institutionId);
  }
}

function notOffered(): never {
  throw new ServiceError('unimplemented', 'The connector does not sync this entity type.', { reason: 'ENTITY_TYPE_UNSUPPORTED' });
}

function sentenceOf(error: unknown): string {
  if (error instanceof ServiceError) throw error;
  return error instanceof Error ? error.message : String(error);
}
