import { Integration_Status } from '@gen/smartid/integrations/v1/integration_pb.js';
import { SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Badge, type MantineColor } from '@mantine/core';
import { useTranslation } from 'react-i18next';

const RUN_COLORS = {
  RUNNING: 'blue',
  COMPLETED: 'green',
  FAILED: 'red',
  HELD: 'orange',
  PREVIEWED: 'grape',
  DISCARDED: 'gray',
  QUEUED: 'cyan',
  CANCELED: 'gray',
} as const;

export type RunStatus = keyof typeof RUN_COLORS;

/** The name of a status of runs; what a newer service may say beside these is shown as waiting. */
export function runStatusOf(status: SyncRun_Status): RunStatus {
  const name = SyncRun_Status[status];
  return name !== undefined && name in RUN_COLORS ? (name as RunStatus) : 'QUEUED';
}

export function runColorOf(status: SyncRun_Status): MantineColor {
  return RUN_COLORS[runStatusOf(status)];
}

export function RunBadge({ status }: { status: SyncRun_Status }) {
  const { t } = useTranslation();
  return <StateBadge color={runColorOf(status)} label={t(`run.status.${runStatusOf(status)}`)} />;
}

const HEALTH = { ACTIVE: 'green', INACTIVE: 'gray', ERROR: 'red' } as const;

export function HealthBadge({ status }: { status: Integration_Status }) {
  const { t } = useTranslation();
  const name = (Integration_Status[status] ?? 'INACTIVE') as keyof typeof HEALTH;
  return <StateBadge color={HEALTH[name] ?? 'gray'} label={t(`integration.status.${name}`)} />;
}

/** A state in a word: its colour only adds to it. */
export function StateBadge({ color, label }: { color: MantineColor; label: string }) {
  return (
    <Badge
      variant="light"
      radius="sm"
      tt="none"
      fw={600}
      styles={{
        root: {
          flex: 'none',
          minWidth: 'max-content',
          color: `light-dark(color-mix(in srgb, var(--mantine-color-${color}-9) 70%, black), var(--mantine-color-${color}-2))`,
          background: `light-dark(var(--mantine-color-${color}-1), color-mix(in srgb, var(--mantine-color-${color}-9) 45%, transparent))`,
        },
      }}
    >
      {label}
    </Badge>
  );
}
