import type { SyncRun } from '@gen/smartid/integrations/v1/sync_pb.js';
import { SyncRun_Trigger } from '@gen/smartid/integrations/v1/sync_pb.js';
import { List, SimpleGrid, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { duration } from '../../ui/run-list.js';
import { When } from '../../ui/when.js';

/** When a run was, what started it, and what is known of its reading. */
export function RunFacts({ run, zone }: { run: SyncRun; zone: string }) {
  const { t, i18n } = useTranslation();
  const trigger = (SyncRun_Trigger[run.trigger] ?? 'CALL') as 'CALL' | 'SCHEDULE' | 'WEBHOOK';
  const gaps = [...(run.evidence?.gaps ?? []), ...(run.evidence?.memberships?.gaps ?? [])];
  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 2, sm: 4 }}>
        <Fact label={t('run.fact.started')}>
          <When at={run.startedAt} zone={zone} />
        </Fact>
        <Fact label={t('run.fact.took')}>{duration(run, i18n.language).replace('· ', '') || '—'}</Fact>
        <Fact label={t('run.fact.by')}>{t(`run.startedBy.${trigger}`)}</Fact>
        <Fact label={t('run.fact.attempt')}>{run.attempt}</Fact>
      </SimpleGrid>
      {run.decision && <Fact label={t('run.fact.decision')}>{run.decision}</Fact>}
      {gaps.length > 0 && (
        <Fact label={t('run.fact.gaps')}>
          <List size="sm">
            {gaps.map((gap) => (
              <List.Item key={gap} className="breakable">
                {gap}
              </List.Item>
            ))}
          </List>
        </Fact>
      )}
      {run.failures.map(({ attempt, reason }) => (
        <Fact key={attempt} label={t('run.fact.failure', { attempt })}>
          {reason}
        </Fact>
      ))}
    </Stack>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Text size="sm" component="div" className="breakable">
        {children}
      </Text>
    </div>
  );
}
