import type { SyncCounts } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Group, Stack, Text, useMantineTheme } from '@mantine/core';
import { useTranslation } from 'react-i18next';

export const COUNT_COLORS = {
  created: 'teal',
  updated: 'blue',
  unchanged: 'gray',
  conflicts: 'grape',
  failed: 'red',
  missing: 'yellow',
  deactivated: 'orange',
} as const;

export type CountName = keyof typeof COUNT_COLORS;
const NAMES = Object.keys(COUNT_COLORS) as CountName[];

/** How many rows went which way, as a bar and in numbers. */
export function CountsBar({ counts, label }: { counts: SyncCounts | undefined; label: string }) {
  const { t, i18n } = useTranslation();
  const { colors } = useMantineTheme();
  const number = new Intl.NumberFormat(i18n.language);
  const shown = NAMES.filter((name) => (counts?.[name] ?? 0) > 0);
  const total = shown.reduce((sum, name) => sum + (counts?.[name] ?? 0), 0);
  if (!counts || total === 0)
    return (
      <Text size="sm" c="dimmed">
        {t('counts.none')}
      </Text>
    );
  return (
    <Stack gap={8}>
      <div
        role="img"
        aria-label={`${label}: ${shown.map((name) => `${number.format(counts[name])} ${t(`counts.${name}`)}`).join(', ')}`}
        style={{ display: 'flex', gap: 2, height: 12, borderRadius: 6, overflow: 'hidden' }}
      >
        {shown.map((name) => (
          <div
            key={name}
            style={{
              flex: `${counts[name]} 0 4px`,
              background: colors[COUNT_COLORS[name]][name === 'unchanged' ? 4 : 6],
            }}
          />
        ))}
      </div>
      <Group style={{ columnGap: 16, rowGap: 4 }}>
        {shown.map((name) => (
          <Group key={name} gap={6} wrap="nowrap">
            <span
              aria-hidden
              style={{
                width: 9,
                height: 9,
                borderRadius: 3,
                background: colors[COUNT_COLORS[name]][name === 'unchanged' ? 4 : 6],
              }}
            />
            <Text size="sm" className="numbers">
              <b>{number.format(counts[name])}</b> {t(`counts.${name}`)}
            </Text>
          </Group>
        ))}
      </Group>
    </Stack>
  );
}
