import { useInfiniteQuery, useMutation, useQuery } from '@connectrpc/connect-query';
import { type Delivery, Delivery_Status } from '@gen/smartid/integrations/v1/delivery_pb.js';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Alert, Anchor, Button, Card, Group, List, Loader, Stack, Text, Title } from '@mantine/core';
import IconCalendarCheck from '@tabler/icons-react/icons/IconCalendarCheck';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { LIVELY_AT_TOP } from '../../api/query-client.js';
import { rosterApi } from '../../api/roster-api.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { StateBadge } from '../../ui/status-badge.js';
import { When } from '../../ui/when.js';
import { DELIVERY_COLORS, DeliveryRows, deliveryStatusOf } from './delivery-rows.js';

/** The attendance of a school by class session, the latest first. */
export function Sessions({ integration, zone }: { integration: Integration; zone: string }) {
  const { t } = useTranslation();
  const found = useInfiniteQuery(
    integrationsApi.listDeliveries,
    { id: integration.id, pageSize: 1_000, pageToken: '' },
    {
      pageParamKey: 'pageToken',
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      ...LIVELY_AT_TOP,
    },
  );
  const deliveries = found.data?.pages.flatMap((page) => page.deliveries) ?? [];
  const sessions = Map.groupBy(deliveries, ({ sessionId }) => sessionId);
  return (
    <Stack>
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {found.isSuccess && deliveries.length === 0 && (
        <EmptyState
          Icon={IconCalendarCheck}
          title={t('attendance.emptyTitle')}
          text={t('attendance.emptyText')}
        />
      )}
      {[...sessions].map(([sessionId, marks]) => (
        <Session key={sessionId} id={sessionId} integration={integration} deliveries={marks} zone={zone} />
      ))}
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

interface SessionProps {
  id: string;
  integration: Integration;
  deliveries: readonly Delivery[];
  zone: string;
}

function Session({ id, integration, deliveries, zone }: SessionProps) {
  const { t } = useTranslation();
  const [isOpen, setIsOpen] = useState(false);
  const { institutionId } = integration;
  const session = useQuery(rosterApi.getClassSession, { institutionId, id }, { staleTime: 60_000 }).data
    ?.session;
  const send = useMutation(integrationsApi.sendAttendance);
  const byStatus = Map.groupBy(deliveries, deliveryStatusOf);
  const failing = deliveries.filter(({ status }) => status === Delivery_Status.FAILED).length;
  return (
    <Card component="article">
      <Stack>
        <Group justify="space-between">
          <div>
            <Title order={2}>{session?.topic || t('attendance.session')}</Title>
            <Text size="sm" c="dimmed">
              <When at={session?.startsAt} zone={zone} />
            </Text>
          </div>
          <Button
            variant={failing > 0 ? 'filled' : 'default'}
            loading={send.isPending}
            onClick={() => send.mutate({ id: integration.id, sessionId: id })}
          >
            {t('attendance.sendAgain')}
          </Button>
        </Group>
        <Group gap="xs">
          {[...byStatus].map(([status, marks]) => (
            <StateBadge
              key={status}
              color={DELIVERY_COLORS[status]}
              label={`${marks.length} ${t(`attendance.status.${status}`)}`}
            />
          ))}
        </Group>
        {send.data && (
          <Alert color={send.data.success ? 'green' : 'orange'} role="status">
            {t('attendance.sent', {
              count: send.data.sent,
              confirmed: send.data.confirmed,
              unchanged: send.data.unchanged,
            })}
            <List size="sm">
              {[...send.data.errors, ...send.data.warnings].map((sentence) => (
                <List.Item key={sentence}>{sentence}</List.Item>
              ))}
            </List>
          </Alert>
        )}
        <ErrorNote error={send.error} />
        <Anchor
          component="button"
          type="button"
          onClick={() => setIsOpen(!isOpen)}
          aria-expanded={isOpen}
          ta="start"
        >
          {t(isOpen ? 'attendance.hideMarks' : 'attendance.showMarks', { count: deliveries.length })}
        </Anchor>
        {isOpen && <DeliveryRows deliveries={deliveries} institutionId={institutionId} />}
      </Stack>
    </Card>
  );
}
