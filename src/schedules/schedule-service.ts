import { differenceOf, recordEvent } from '../audit/index.js';
import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import type { IntegrationService } from '../integrations/index.js';
import { backsOffUntil } from './back-off.js';
import { checkSchedule } from './check-schedule.js';
import { type Drift, readDrift } from './drift.js';
import type { Schedule, ScheduleKey, ScheduleSettings } from './schedule.js';
import { ScheduleStore, type StoredSchedule } from './schedule-store.js';
import { nextTimes, startOf } from './times.js';
import { isTimeZone } from './wall-clock.js';

const SHOWN_TIMES = 5;

/** When syncs and previews of integrations start by themselves. */
export class ScheduleService {
  readonly #store: ScheduleStore;

  constructor(
    private readonly database: Database,
    private readonly integrations: IntegrationService,
  ) {
    this.#store = new ScheduleStore(database);
  }

  /**
   * Sets when something starts, in place of what was set before. Throws `not_found` without the integration,
   * `unimplemented` when its provider has no such entities, `invalid_argument` that names every wrong setting.
   */
  async set(key: ScheduleKey, settings: ScheduleSettings): Promise<Schedule> {
    checkSchedule(settings);
    const { institutionId } = await this.integrations.requireSyncable(key.integrationId, key.entityType);
    await this.database.transaction(async () => {
      // An integration that is deleted meanwhile gets no schedule.
      const there = await this.database.query('SELECT 1 FROM integrations WHERE id = $1 FOR SHARE', [
        key.integrationId,
      ]);
      if (there.length === 0) throw notFound(key);
      const before = await this.#store.find(key);
      const [next] = nextTimes(settings, new Date(), 1);
      await this.#store.put(key, institutionId, settings, next ? startOf(next, settings) : null);
      const changed = differenceOf(before ? auditedOf(before) : {}, auditedOf(settings));
      if (Object.keys(changed.after).length > 0)
        await this.#record('set', key, institutionId, before ? changed.before : null, changed.after);
    });
    return this.get(key);
  }

  /** Throws `not_found`. */
  async get(key: ScheduleKey): Promise<Schedule> {
    const row = await this.#store.find(key);
    if (!row) throw notFound(key);
    return this.#show(row);
  }

  /** The schedules of an integration, ordered by entity type. Throws `not_found` without the integration. */
  async list(integrationId: string): Promise<Schedule[]> {
    await this.integrations.getIntegration(integrationId);
    const shown: Schedule[] = [];
    for (const row of await this.#store.list(integrationId)) shown.push(await this.#show(row));
    return shown;
  }

  /** Throws `not_found`. */
  async delete(key: ScheduleKey): Promise<void> {
    await this.database.transaction(async () => {
      const before = await this.#store.find(key);
      if (!before || !(await this.#store.delete(key))) throw notFound(key);
      await this.#record('deleted', key, before.institutionId, auditedOf(before), null);
    });
  }

  /** The last thirty previews of each entity type. Throws `not_found` without the integration. */
  async drift(integrationId: string): Promise<Drift[]> {
    await this.integrations.getIntegration(integrationId);
    return readDrift(this.database, integrationId);
  }

  async #show(row: StoredSchedule): Promise<Schedule> {
    const { institutionId: _, nextAt: _next, lastRunId: _run, ...schedule } = row;
    const failures = await this.#store.failures(row);
    const until = backsOffUntil(failures);
    const from = new Date(Math.max(Date.now(), until?.getTime() ?? 0));
    return {
      ...schedule,
      blackouts: [...row.blackouts],
      // Of a zone that only other processes know, as they have a newer list, nothing can be said here.
      nextTimes: isTimeZone(row.timeZone) ? nextTimes(row, from, SHOWN_TIMES) : [],
      lastRuns: await this.#store.lastRuns(row),
      failuresInRow: failures.count,
      backsOffUntil: until && until.getTime() > Date.now() ? until : null,
    };
  }

  async #record(
    done: 'set' | 'deleted',
    { integrationId, entityType, kind }: ScheduleKey,
    institutionId: string,
    before: object | null,
    after: object | null,
  ): Promise<void> {
    await recordEvent(this.database, {
      institutionId,
      action: `schedule.${done}`,
      objectType: 'SCHEDULE',
      objectId: `${integrationId}/${entityType}/${kind}`,
      integrationId,
      before,
      after,
    });
  }
}

function auditedOf({ cron, timeZone, jitterSeconds, blackouts, pausedUntil }: ScheduleSettings) {
  return { cron, timeZone, jitterSeconds, blackouts, pausedUntil };
}

function notFound({ integrationId, entityType, kind }: ScheduleKey): ServiceError {
  return new ServiceError(
    'not_found',
    `There is no schedule for a ${kind} of ${entityType} of integration ${integrationId}.`,
    { reason: 'SCHEDULE_NOT_FOUND' },
  );
}
