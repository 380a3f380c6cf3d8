import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { type SyncRun, SyncRun_Kind, SyncRun_Trigger } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Anchor, Card, Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { placeOf, zoneOf } from '../api/integrations.js';
import { pathOf } from '../api/runs.js';
import { RunBadge, runColorOf } from './status-badge.js';
import { When } from './when.js';

interface RunListProps {
  runs: readonly SyncRun[];
  /** Where given, each run says whose it is. */
  integrations?: readonly Integration[];
  zone?: string;
}

/** Runs on a line of time, the newest first. */
export function RunList({ runs, integrations, zone }: RunListProps) {
  const { t } = useTranslation();
  if (runs.length === 0)
    return (
      <Card>
        <Text c="dimmed">{t('runs.none')}</Text>
      </Card>
    );
  return (
    <Card padding={0}>
      <ul style={{ listStyle: 'none', margin: 0, padding: 0 }}>
        {runs.map((run, index) => {
          const owner = integrations?.find(({ id }) => id === run.integrationId);
          return (
            <li
              key={run.id}
              style={{ borderTop: index > 0 ? '1px solid var(--mantine-color-default-border)' : undefined }}
            >
              <RunLine run={run} owner={owner} zone={zone ?? (owner && zoneOf(owner))} />
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function RunLine({
  run,
  owner,
  zone,
}: {
  run: SyncRun;
  owner: Integration | undefined;
  zone: string | undefined;
}) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language);
  const { created = 0, updated = 0, failed = 0, read = 0, deactivated = 0 } = run.counts ?? {};
  const told = [
    t('runs.read', { count: read, shown: number.format(read) }),
    created > 0 && `+${number.format(created)} ${t('counts.created')}`,
    updated > 0 && `${number.format(updated)} ${t('counts.updated')}`,
    deactivated > 0 && `${number.format(deactivated)} ${t('counts.deactivated')}`,
    failed > 0 && `${number.format(failed)} ${t('counts.failed')}`,
  ].filter(Boolean);
  return (
    <Group px="lg" py="sm" gap="md" align="flex-start" wrap="nowrap">
      <span
        aria-hidden
        style={{
          flex: 'none',
          width: 10,
          height: 10,
          marginTop: 7,
          borderRadius: 5,
          background: `var(--mantine-color-${runColorOf(run.status)}-6)`,
        }}
      />
      <Stack gap={2} style={{ flex: 1, minWidth: 0 }}>
        <Group gap="xs" justify="space-between">
          <Group gap="xs">
            <Anchor component={Link} to={pathOf(run)} fw={600}>
              {t('run.name', { kind: kindOf(run, t), what: t(`entity.${entityOf(run)}`) })}
            </Anchor>
            <RunBadge status={run.status} />
          </Group>
          <Text size="sm" c="dimmed">
            <When at={run.startedAt} zone={zone} /> {duration(run, i18n.language)}
          </Text>
        </Group>
        <Text size="sm" c="dimmed" className="numbers breakable">
          {owner && `${placeOf(owner)} · `}
          {run.trigger > SyncRun_Trigger.CALL && `${t(`run.trigger.${triggerOf(run)}`)} · `}
          {told.join(' · ')}
        </Text>
        {run.error && (
          <Text size="sm" className="breakable" lineClamp={2}>
            {run.error}
          </Text>
        )}
      </Stack>
    </Group>
  );
}

export function entityOf({ entityType }: Pick<SyncRun, 'entityType'>) {
  return MappingEntityType[entityType] as 'ALL' | 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER';
}

type KindName = 'SYNC' | 'PREVIEW' | 'ROLLBACK' | 'MANUAL';

export function kindOf({ kind }: SyncRun, t: (key: `run.kind.${KindName}`) => string): string {
  return t(`run.kind.${SyncRun_Kind[kind] as KindName}`);
}

function triggerOf({ trigger }: SyncRun) {
  return SyncRun_Trigger[trigger] as 'SCHEDULE' | 'WEBHOOK';
}

/** How long a run took, once it has ended. */
export function duration({ startedAt, finishedAt }: SyncRun, language: string): string {
  if (!startedAt || !finishedAt) return '';
  const seconds = Math.max(0, timestampMs(finishedAt) - timestampMs(startedAt)) / 1_000;
  const [value, unit] = seconds < 90 ? [seconds, 'second'] : [seconds / 60, 'minute'];
  const format = { style: 'unit', unit, maximumFractionDigits: value < 10 ? 1 : 0 } as const;
  return `· ${new Intl.NumberFormat(language, format).format(value)}`;
}
