import { useInfiniteQuery, useMutation } from '@connectrpc/connect-query';
import type { Event } from '@gen/smartid/integrations/v1/event_pb.js';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Anchor, Button, Card, Group, Loader, Stack, Text } from '@mantine/core';
import IconBroadcast from '@tabler/icons-react/icons/IconBroadcast';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { eventsApi } from '../../api/events-api.js';
import { LIVELY_AT_TOP } from '../../api/query-client.js';
import { pathOf } from '../../api/runs.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { useEventName } from '../../ui/event-name.js';
import { VirtualList } from '../../ui/virtual-list.js';
import { When } from '../../ui/when.js';

/** What this school's integration told to those who subscribe. */
export function Events({ integration, zone }: { integration: Integration; zone: string }) {
  const { t } = useTranslation();
  const { id, institutionId } = integration;
  const found = useInfiniteQuery(
    eventsApi.listEvents,
    { institutionId, integrationId: id, pageSize: 200, pageToken: '' },
    {
      pageParamKey: 'pageToken',
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      ...LIVELY_AT_TOP,
    },
  );
  const events = useMemo(() => found.data?.pages.flatMap((page) => page.events) ?? [], [found.data]);
  const subscriptions = (
    <Button component={Link} to={`/console/subscriptions?institution=${institutionId}`} variant="default">
      {t('subscriptions.open')}
    </Button>
  );
  return (
    <Stack>
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {found.isSuccess && events.length === 0 && (
        <EmptyState Icon={IconBroadcast} title={t('events.emptyTitle')} text={t('events.emptyText')}>
          {subscriptions}
        </EmptyState>
      )}
      {events.length > 0 && (
        <>
          <Group justify="space-between">
            <Text c="dimmed">{t('events.lead')}</Text>
            {subscriptions}
          </Group>
          <Card padding={0}>
            <VirtualList
              items={events}
              keyOf={(event) => event.id}
              render={(event) => <EventRow event={event} zone={zone} />}
              estimate={88}
              label={t('integration.tab.events')}
              hasMore={found.hasNextPage}
              isLoading={found.isFetchingNextPage}
              loadMore={found.fetchNextPage}
            />
          </Card>
        </>
      )}
    </Stack>
  );
}

function EventRow({ event, zone }: { event: Event; zone: string }) {
  const { t } = useTranslation();
  const nameOf = useEventName();
  const replay = useMutation(eventsApi.replayEvent);
  const { runId, error } = event.data ?? {};
  const name = nameOf(event.type);
  return (
    <Stack gap={4} px="lg" py="sm" style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}>
      <Group justify="space-between" gap="xs">
        <Text fw={600}>{name}</Text>
        <Text size="sm" c="dimmed">
          <When at={event.time} zone={zone} />
        </Text>
      </Group>
      {typeof error === 'string' && (
        <Text size="sm" className="breakable">
          {error}
        </Text>
      )}
      <Group gap="md">
        {typeof runId === 'string' && (
          <Anchor component={Link} size="sm" to={pathOf({ integrationId: event.integrationId, id: runId })}>
            {t('events.openRun')}
          </Anchor>
        )}
        <Button
          variant="subtle"
          size="compact-sm"
          loading={replay.isPending}
          aria-label={t('subscriptions.replayOf', { what: name })}
          onClick={() => replay.mutate({ institutionId: event.institutionId, id: event.id })}
        >
          {t('subscriptions.replay')}
        </Button>
        <Text size="sm" role="status">
          {replay.data && t('subscriptions.replayed', { count: replay.data.subscriptions })}
        </Text>
      </Group>
      <ErrorNote error={replay.error} />
    </Stack>
  );
}
