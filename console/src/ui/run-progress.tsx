import { type SyncRun, SyncRun_Stage, SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Alert, Group, Progress, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { isUnderWay } from '../api/runs.js';
import type { WatchedRun } from '../api/watch-run.js';
import { CountsBar } from './counts-bar.js';
import { entityOf } from './run-list.js';
import { RunBadge } from './status-badge.js';

const STAGES = ['READ', 'PLAN', 'APPLY', 'REPORT'] as const;

/** How far a run is: its stage, the rows read, their pace, and how long it will take; of each part of it. */
export function RunProgress({ run, parts, isLost }: WatchedRun) {
  const { t } = useTranslation();
  if (!run) return null;
  const shown = parts.length > 0 ? parts : [run];
  return (
    <Stack gap="md">
      {isLost && (
        <Alert color="orange" role="status">
          {t('run.lost')}
        </Alert>
      )}
      {run.status === SyncRun_Status.QUEUED && <Text>{t('run.queued')}</Text>}
      {shown.map((part) => (
        <PartProgress key={part.id} part={part} />
      ))}
    </Stack>
  );
}

function PartProgress({ part }: { part: SyncRun }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language);
  const { rowsRead = 0, rowsTotal, rowsPerSecond = 0, secondsLeft } = part.progress ?? {};
  const isReading = isUnderWay(part) && part.stage <= SyncRun_Stage.READ;
  const percent = rowsTotal ? Math.min(100, (rowsRead / rowsTotal) * 100) : undefined;
  const name = t(`entity.${entityOf(part)}`);
  const told = [
    rowsTotal
      ? t('run.rowsOf', { read: number.format(rowsRead), total: number.format(rowsTotal) })
      : t('run.rows', { read: number.format(rowsRead || (part.counts?.read ?? 0)) }),
    rowsPerSecond > 0 && t('run.pace', { rows: number.format(rowsPerSecond) }),
    secondsLeft !== undefined && t('run.left', { seconds: number.format(secondsLeft) }),
  ].filter(Boolean);
  return (
    <Stack gap={8}>
      <Group justify="space-between">
        <Text fw={600} tt="capitalize">
          {name}
        </Text>
        <RunBadge status={part.status} />
      </Group>
      {isUnderWay(part) ? (
        <>
          <Progress.Root size="lg">
            <Progress.Section
              value={percent ?? 100}
              animated
              striped={percent === undefined}
              aria-label={t('run.progressOf', { what: name })}
            />
          </Progress.Root>
          <Group justify="space-between" gap="xs">
            <StageName part={part} />
            <Text size="sm" c="dimmed" className="numbers">
              {isReading && told.join(' · ')}
            </Text>
          </Group>
        </>
      ) : (
        <CountsBar counts={part.counts} label={name} />
      )}
    </Stack>
  );
}

function StageName({ part }: { part: SyncRun }) {
  const { t } = useTranslation();
  const stage = (SyncRun_Stage[part.stage] ?? 'READ') as (typeof STAGES)[number];
  return <Text size="sm">{t(`run.stage.${STAGES.includes(stage) ? stage : 'READ'}`)}</Text>;
}
