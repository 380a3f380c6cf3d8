import { timestampMs } from '@bufbuild/protobuf/wkt';
import { useMutation, useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { type Schedule, ScheduleKind } from '@gen/smartid/integrations/v1/schedule_service_pb.js';
import { Alert, Button, Card, Group, List, Loader, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { schedulesApi } from '../../api/schedules-api.js';
import { ErrorNote } from '../../ui/error-note.js';
import { agoOf, When } from '../../ui/when.js';
import { useCronInWords } from './cron-words.js';
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
    </Stack>
  );
}

function ScheduleCard({ schedule, onEdit }: { schedule: Schedule; onEdit: () => void }) {
  const { t, i18n } = useTranslation();
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
              loading={remove.isPending}
              onClick={() => remove.mutate({ id: schedule.integrationId, entityType, kind })}
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
        <div>
          <Text size="sm" c="dimmed">
            {t('schedule.next')}
          </Text>
          <List size="sm">
            {nextTimes.map((at) => (
              <List.Item key={timestampMs(at)}>
                <When at={at} zone={timeZone} /> · {agoOf(at, i18n.language)}
              </List.Item>
            ))}
          </List>
        </div>
        <ErrorNote error={remove.error} />
      </Stack>
    </Card>
  );
}
