import { SyncChange_Action, SyncChange_Outcome } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Alert, Card, Chip, Group, Stack } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type OfRun, useChanges } from '../../api/run-lists.js';
import { ErrorNote } from '../../ui/error-note.js';
import { VirtualList } from '../../ui/virtual-list.js';
import { ChangeRow } from './change-row.js';

const FILTERS = ['CREATE', 'UPDATE', 'RESTORE', 'DEACTIVATE', 'MISSING', 'LINK', 'REKEY', 'DELETE'] as const;

interface ChangesProps {
  of: OfRun;
  institutionId: string;
  /** Whether they were deleted for their age. */
  dropped?: boolean;
}

/** Each change of a run or plan, field by field. */
export function Changes({ of, institutionId, dropped = false }: ChangesProps) {
  const { t } = useTranslation();
  const [filter, setFilter] = useState('ALL');
  const isOutcome = filter === 'MOVED' || filter === 'REFUSED';
  const changes = useChanges(
    of,
    filter === 'ALL'
      ? {}
      : isOutcome
        ? { outcome: SyncChange_Outcome[filter] }
        : { action: SyncChange_Action[filter as (typeof FILTERS)[number]] },
  );
  if (dropped) return <Alert>{t('changes.dropped')}</Alert>;
  return (
    <Stack gap="md">
      <Chip.Group value={filter} onChange={(value) => setFilter(value as string)}>
        <Group gap="xs" role="radiogroup" aria-label={t('changes.filter')}>
          <Chip value="ALL" size="sm">
            {t('common.all')}
          </Chip>
          {FILTERS.map((name) => (
            <Chip key={name} value={name} size="sm">
              {t(`changes.action.${name}`)}
            </Chip>
          ))}
          <Chip value="MOVED" size="sm">
            {t('changes.outcome.MOVED')}
          </Chip>
          <Chip value="REFUSED" size="sm">
            {t('changes.outcome.REFUSED')}
          </Chip>
        </Group>
      </Chip.Group>
      <ErrorNote error={changes.error} onRetry={() => void changes.refetch()} />
      <Card padding={0}>
        <VirtualList
          key={filter}
          items={changes.items}
          keyOf={({ number }) => number}
          render={(change) => <ChangeRow change={change} institutionId={institutionId} />}
          estimate={64}
          label={t('run.changes')}
          hasMore={changes.hasNextPage}
          isLoading={changes.isPending || changes.isFetchingNextPage}
          loadMore={changes.fetchNextPage}
        />
      </Card>
    </Stack>
  );
}
