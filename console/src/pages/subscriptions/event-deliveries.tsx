import { useInfiniteQuery, useMutation } from '@connectrpc/connect-query';
import {
  type EventDelivery,
  EventDelivery_Status,
  type Subscription,
} from '@gen/smartid/integrations/v1/event_pb.js';
import { Button, Group, Loader, SegmentedControl, Stack, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { eventsApi } from '../../api/events-api.js';
import { LIVELY_AT_TOP } from '../../api/query-client.js';
import { ErrorNote } from '../../ui/error-note.js';
import { useEventName } from '../../ui/event-name.js';
import { StateBadge } from '../../ui/status-badge.js';
import { VirtualList } from '../../ui/virtual-list.js';
import { When } from '../../ui/when.js';

const COLORS = { WAITING: 'cyan', DELIVERED: 'green', DEAD: 'red' } as const;
type Status = keyof typeof COLORS;
const FILTERS = ['ALL', 'WAITING', 'DELIVERED', 'DEAD'] as const;

/** What became of telling one subscription, the newest first; each can be told again. */
export function EventDeliveries({ subscription, zone }: { subscription: Subscription; zone: string }) {
  const { t } = useTranslation();
  const { institutionId, id } = subscription;
  const [filter, setFilter] = useState<(typeof FILTERS)[number]>('ALL');
  const status = filter === 'ALL' ? EventDelivery_Status.STATUS_UNSPECIFIED : EventDelivery_Status[filter];
  const found = useInfiniteQuery(
    eventsApi.listEventDeliveries,
    { institutionId, subscriptionId: id, status, pageSize: 200, pageToken: '' },
    {
      pageParamKey: 'pageToken',
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      ...LIVELY_AT_TOP,
    },
  );
  const deliveries = useMemo(() => found.data?.pages.flatMap((page) => page.deliveries) ?? [], [found.data]);
  return (
    <Stack gap="sm">
      <Group>
        <SegmentedControl
          aria-label={t('subscriptions.deliveries')}
          size="xs"
          data={FILTERS.map((value) => ({
            value,
            label: value === 'ALL' ? t('common.all') : t(`subscriptions.status.${value}`),
          }))}
          value={filter}
          onChange={(value) => setFilter(value as (typeof FILTERS)[number])}
        />
      </Group>
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {found.isSuccess && deliveries.length === 0 && (
        <Text c="dimmed">{t(filter === 'ALL' ? 'subscriptions.noDeliveries' : 'common.nothingFits')}</Text>
      )}
      {deliveries.length > 0 && (
        <VirtualList
          items={deliveries}
          keyOf={({ eventId }) => eventId}
          render={(delivery) => <DeliveryRow delivery={delivery} institutionId={institutionId} zone={zone} />}
          estimate={76}
          label={t('subscriptions.deliveries')}
          hasMore={found.hasNextPage}
          isLoading={found.isFetchingNextPage}
          loadMore={found.fetchNextPage}
        />
      )}
    </Stack>
  );
}

interface DeliveryRowProps {
  delivery: EventDelivery;
  institutionId: string;
  zone: string;
}

function DeliveryRow({ delivery, institutionId, zone }: DeliveryRowProps) {
  const { t } = useTranslation();
  const nameOf = useEventName();
  const replay = useMutation(eventsApi.replayEvent);
  const { eventId, eventType, subscriptionId, attempts, dueAt, httpStatus, lastReason } = delivery;
  const status = EventDelivery_Status[delivery.status] as Status;
  const name = nameOf(eventType);
  return (
    <Stack gap={4} py="xs" style={{ borderTop: '1px solid var(--mantine-color-default-border)' }}>
      <Group justify="space-between" gap="xs">
        <Group gap="xs">
          <Text size="sm" fw={600}>
            {name}
          </Text>
          <StateBadge color={COLORS[status] ?? 'gray'} label={t(`subscriptions.status.${status}`)} />
        </Group>
        <Text size="sm" c="dimmed">
          <When at={delivery.createdAt} zone={zone} />
        </Text>
      </Group>
      <Group justify="space-between" gap="xs">
        <Text size="sm" c="dimmed" className="breakable">
          {t('subscriptions.attempts', { count: attempts })}
          {httpStatus !== undefined && ` · HTTP ${httpStatus}`}
          {lastReason && ` · ${lastReason}`}
          {dueAt && (
            <>
              {` · ${t('subscriptions.next')} `}
              <When at={dueAt} zone={zone} />
            </>
          )}
        </Text>
        <Button
          variant="subtle"
          size="compact-sm"
          loading={replay.isPending}
          aria-label={t('subscriptions.replayOf', { what: name })}
          onClick={() => replay.mutate({ institutionId, id: eventId, subscriptionId })}
        >
          {t('subscriptions.replay')}
        </Button>
      </Group>
      <ErrorNote error={replay.error} />
    </Stack>
  );
}
