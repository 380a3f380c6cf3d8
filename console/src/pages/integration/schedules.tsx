import { timestampDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { useMutation, useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { type Schedule, ScheduleKind } from '@gen/smartid/integrations/v1/schedule_service_pb.js';
import { Alert, Anchor, Button, Card, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { pathOf } from '../../api/runs.js';
import { schedulesApi } from '../../api/schedules-api.js';
import { Confirm } from '../../ui/confirm.js';
import { ErrorNote } from '../../ui/error-note.js';
import { RunBadge } from '../../ui/status-badge.js';
import { When } from '../../ui/when.js';
import { useCronInWords } from './cron-words.js';
import { Drift } from './drift.js';
import { NextTimes } from './next-times.js';
import { ScheduleForm } from './schedule-form.js';

/** When syncs start by themselves: each with its next times, and a form to change it. */
export function Schedules({ integration, zone }: { integration: Integration; zone: string }) {
  const { t } = useTranslation();
  const found = useQuery(schedulesApi.listSchedules, { id: integration.id });
  const [edited, setEdited] = useState<Schedule | 'new'>();
  const schedules = found.data?.schedules ?? [];
  return (
    <Stack gap="lg">
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {found.isSuccess && schedules.length === 0 && !edited && (
        <Card>
          <Stack align="flex-start">
            <Title order={2}>{t('schedule.emptyTitle')}</Title>
            <Text c="dimmed">{t('schedule.emptyText')}</Text>
          </Stack>
        </Card>
      )}
      {schedules.map((schedule) => (
        <ScheduleCard
          key={`${schedule.entityType} ${schedule.kind}`}
          schedule={schedule}
          onEdit={() => setEdited(schedule)}
        />
      ))}
      {edited ? (
        <ScheduleForm
          key={edited === 'new' ? 'new' : `${edited.entityType} ${edited.kind}`}
          id={integration.id}
          zone={zone}
          schedule={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
        />
      ) : (
        <Group>
          <Button onClick={() => setEdited('new')}>{t('schedule.add')}</Button>
        </Group>
      )}
      <Drift id={integration.id} zone={zone} />
    </Stack>
  );
}

function ScheduleCard({ schedule, onEdit }: { schedule: Schedule; onEdit: () => void }) {
  const { t } = useTranslation();
  const [isAsking, setIsAsking] = useState(false);
  const { entityType, kind, cron, timeZone, nextTimes } = schedule;
  const remove = useMutation(schedulesApi.deleteSchedule);
  const inWords = useCronInWords();
  const what = t(`entity.${MappingEntityType[entityType] as 'ALL'}`);
  return (
    <Card>
      <Stack>
        <Group justify="space-between">
          <div>
            <Title order={2}>
              {t(kind === ScheduleKind.PREVIEW ? 'schedule.previewOf' : 'schedule.syncOf', {
                what,
              })}
            </Title>
            <Text>
              {inWords(cron)}{' '}
              <Text span c="dimmed">
                ({timeZone})
              </Text>
            </Text>
          </div>
          <Group>
            <Button variant="default" onClick={onEdit}>
              {t('schedule.edit')}
            </Button>
            <Button
              variant="subtle"
              color="red"
              c="var(--mantine-color-error)"
              onClick={() => setIsAsking(true)}
            >
              {t('schedule.remove')}
            </Button>
          </Group>
        </Group>
        {schedule.skippedBecause && (
          <Alert color="orange" title={t('schedule.skipped')}>
            {schedule.skippedBecause}
          </Alert>
        )}
        {schedule.backsOffUntil && timestampMs(schedule.backsOffUntil) > Date.now() && (
          <Alert color="orange">{t('schedule.backsOff', { count: schedule.failuresInRow })}</Alert>
        )}
        <NextTimes times={nextTimes.map(timestampDate)} zone={timeZone} />
        <LastRuns schedule={schedule} />
      </Stack>
      {isAsking && (
        <Confirm
          title={t('schedule.removeTitle')}
          text={t('schedule.removeText', { what })}
          action={t('schedule.remove')}
          error={remove.error}
          isPending={remove.isPending}
          onDo={() => remove.mutate({ id: schedule.integrationId, entityType, kind })}
          onClose={() => setIsAsking(false)}
        />
      )}
    </Card>
  );
}

function LastRuns({ schedule: { integrationId, lastRuns, timeZone } }: { schedule: Schedule }) {
  const { t } = useTranslation();
  if (lastRuns.length === 0) return null;
  return (
    <div>
      <Text size="sm" c="dimmed">
        {t('schedule.last')}
      </Text>
      <Stack gap={4} mt={4}>
        {lastRuns.map(({ id, status, startedAt }) => (
          <Group key={id} gap="xs">
            <Anchor component={Link} size="sm" to={pathOf({ integrationId, id })}>
              <When at={startedAt} zone={timeZone} />
            </Anchor>
            <RunBadge status={status} />
          </Group>
        ))}
      </Stack>
    </div>
  );
}
