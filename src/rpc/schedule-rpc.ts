import { create } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';
import {
  ScheduleKind,
  ScheduleSchema,
  type ScheduleService,
} from '../../gen/smartid/integrations/v1/schedule_service_pb.js';
import { SyncRun_Status } from '../../gen/smartid/integrations/v1/sync_pb.js';
import { isTimeZone, readCalendar, type Schedule, type ScheduleKey } from '../schedules/index.js';
import type { SyncScope } from '../sync/index.js';
import { enumName, enumValue, optional, timestamp } from './convert/to-message.js';
import type { RpcParts } from './rpc-types.js';

type Parts = Pick<RpcParts, 'integrationService' | 'scheduleService'>;

/** smartid.integrations.v1.ScheduleService on the schedules. */
export function scheduleRpc({
  integrationService,
  scheduleService,
}: Parts): ServiceImpl<typeof ScheduleService> {
  return {
    async setSchedule({ cron, timeZone: given, jitterSeconds, blackouts, pausedUntil, calendar, ...key }) {
      const timeZone = given || (await integrationService.timeZoneOf(key.id));
      // Of a zone that is none, the schedule is refused.
      const imported =
        calendar && isTimeZone(timeZone) ? await readCalendar(calendar, { now: new Date(), timeZone }) : [];
      const schedule = await scheduleService.set(keyOf(key), {
        cron,
        timeZone,
        jitterSeconds,
        blackouts: [...blackouts.map(({ name, from, to }) => ({ name, from, to })), ...imported],
        pausedUntil: pausedUntil ? timestampDate(pausedUntil) : null,
      });
      return { schedule: toScheduleMessage(schedule) };
    },

    async getSchedule(key) {
      return { schedule: toScheduleMessage(await scheduleService.get(keyOf(key))) };
    },

    async listSchedules({ id }) {
      return { schedules: (await scheduleService.list(id)).map(toScheduleMessage) };
    },

    async deleteSchedule(key) {
      await scheduleService.delete(keyOf(key));
      return {};
    },

    async getDrift({ id }) {
      const drifts = await scheduleService.drift(id);
      return {
        drifts: drifts.map(({ entityType, checks }) => ({
          entityType: enumValue(MappingEntityType, entityType),
          checks: checks.map(({ at, ...check }) => ({
            ...check,
            at: timestamp(at),
          })),
        })),
      };
    },
  };
}

function keyOf(given: { id: string; entityType: MappingEntityType; kind: ScheduleKind }): ScheduleKey {
  return {
    integrationId: given.id,
    entityType: enumName(MappingEntityType, given.entityType) as SyncScope,
    kind: given.kind === ScheduleKind.PREVIEW ? 'PREVIEW' : 'SYNC',
  };
}

function toScheduleMessage({ entityType, kind, lastRuns, ...schedule }: Schedule) {
  return create(ScheduleSchema, {
    ...schedule,
    blackouts: [...schedule.blackouts],
    entityType: enumValue(MappingEntityType, entityType),
    kind: ScheduleKind[kind],
    pausedUntil: timestamp(schedule.pausedUntil),
    nextTimes: schedule.nextTimes.flatMap((time) => timestamp(time) ?? []),
    lastRuns: lastRuns.map(({ id, status, error, startedAt, finishedAt }) => ({
      id,
      status: enumValue(SyncRun_Status, status),
      error: optional(error),
      startedAt: timestamp(startedAt),
      finishedAt: timestamp(finishedAt),
    })),
    backsOffUntil: timestamp(schedule.backsOffUntil),
    skippedAt: timestamp(schedule.skippedAt),
    skippedBecause: optional(schedule.skippedBecause),
    createdAt: timestamp(schedule.createdAt),
    updatedAt: timestamp(schedule.updatedAt),
  });
}
