import { useInfiniteQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Button, Card, Group, Loader, Stack, Text } from '@mantine/core';
import IconBroadcast from '@tabler/icons-react/icons/IconBroadcast';
import { useTranslation } from 'react-i18next';
import { eventsApi } from '../../api/events-api.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { When } from '../../ui/when.js';

/** What this school's integration told to those who subscribe. */
export function Events({ integration, zone }: { integration: Integration; zone: string }) {
  const { t } = useTranslation();
  const { id, institutionId } = integration;
  const found = useInfiniteQuery(
    eventsApi.listEvents,
    { institutionId, integrationId: id, pageSize: 100, pageToken: '' },
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const events = found.data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <Stack>
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {found.isSuccess && events.length === 0 && (
        <EmptyState Icon={IconBroadcast} title={t('events.emptyTitle')} text={t('events.emptyText')} />
      )}
      {events.length > 0 && (
        <Card padding={0}>
          {events.map((event) => (
            <Group
              key={event.id}
              px="lg"
              py="sm"
              justify="space-between"
              style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}
            >
              <div>
                <Text fw={600}>{event.type}</Text>
                <Text size="sm" c="dimmed" className="breakable">
                  {event.subject}
                </Text>
              </div>
              <Text size="sm" c="dimmed">
                <When at={event.time} zone={zone} />
              </Text>
            </Group>
          ))}
        </Card>
      )}
      {found.hasNextPage && (
        <Button
          variant="default"
          loading={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          {t('common.more')}
        </Button>
      )}
    </Stack>
  );
}
