import { useInfiniteQuery, useQuery } from '@connectrpc/connect-query';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import {
  type ReceivedWebhook,
  ReceivedWebhook_Kind,
  ReceivedWebhook_Status,
} from '@gen/smartid/integrations/v1/webhook_pb.js';
import { Anchor, Button, Card, Code, Group, Loader, Stack, Text } from '@mantine/core';
import IconWebhook from '@tabler/icons-react/icons/IconWebhook';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { LIVELY_AT_TOP } from '../../api/query-client.js';
import { pathOf } from '../../api/runs.js';
import { webhooksApi } from '../../api/webhooks-api.js';
import { Dialog } from '../../ui/dialog.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { StateBadge } from '../../ui/status-badge.js';
import { VirtualList } from '../../ui/virtual-list.js';
import { When } from '../../ui/when.js';

const COLORS = {
  WAITING: 'cyan',
  STARTED: 'blue',
  DONE: 'green',
  FAILED: 'red',
  IGNORED: 'gray',
  REFUSED: 'red',
} as const;
/** So many ids are told of each. */
const TOLD = 10;

/** What a school's system sent, the newest first, and what became of it. */
export function ReceivedWebhooks({ id, zone }: { id: string; zone: string }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState<string>();
  const found = useInfiniteQuery(
    webhooksApi.listReceivedWebhooks,
    { id, pageSize: 200, pageToken: '' },
    {
      pageParamKey: 'pageToken',
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      ...LIVELY_AT_TOP,
    },
  );
  const webhooks = useMemo(() => found.data?.pages.flatMap((page) => page.webhooks) ?? [], [found.data]);
  return (
    <>
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {found.isSuccess && webhooks.length === 0 && (
        <EmptyState Icon={IconWebhook} title={t('webhooks.emptyTitle')} text={t('webhooks.emptyText')} />
      )}
      {webhooks.length > 0 && (
        <Card padding={0}>
          <VirtualList
            items={webhooks}
            keyOf={({ webhookId }) => webhookId}
            render={(webhook) => (
              <WebhookRow webhook={webhook} zone={zone} onOpen={() => setOpened(webhook.webhookId)} />
            )}
            estimate={92}
            label={t('webhooks.received')}
            hasMore={found.hasNextPage}
            isLoading={found.isFetchingNextPage}
            loadMore={found.fetchNextPage}
          />
        </Card>
      )}
      {opened && <Body id={id} webhookId={opened} onClose={() => setOpened(undefined)} />}
    </>
  );
}

function WebhookRow({
  webhook,
  zone,
  onOpen,
}: {
  webhook: ReceivedWebhook;
  zone: string;
  onOpen: () => void;
}) {
  const { t } = useTranslation();
  const status = ReceivedWebhook_Status[webhook.status] as keyof typeof COLORS;
  const kind = ReceivedWebhook_Kind[webhook.kind] as 'WEBHOOK' | 'PUSH';
  return (
    <Stack gap={4} px="lg" py="sm" style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}>
      <Group justify="space-between" gap="xs">
        <Group gap="xs">
          <Text fw={600}>{t(`webhooks.kind.${kind}`)}</Text>
          <StateBadge color={COLORS[status] ?? 'gray'} label={t(`webhooks.status.${status}`)} />
        </Group>
        <Text size="sm" c="dimmed">
          <When at={webhook.receivedAt} zone={zone} />
        </Text>
      </Group>
      {webhook.changes.map(({ entityType, externalIds }) => {
        const what = t(`entity.${MappingEntityType[entityType] as 'ALL'}`);
        const more = externalIds.length > TOLD ? ', …' : '';
        return (
          <Text key={entityType} size="sm" className="breakable">
            {externalIds.length === 0
              ? t('webhooks.all', { what })
              : `${what}: ${externalIds.slice(0, TOLD).join(', ')}${more}`}
          </Text>
        );
      })}
      {webhook.reason && (
        <Text size="sm" className="breakable">
          {webhook.reason}
        </Text>
      )}
      <Group gap="md">
        {webhook.runIds.map((runId) => (
          <Anchor
            key={runId}
            component={Link}
            size="sm"
            to={pathOf({ integrationId: webhook.integrationId, id: runId })}
          >
            {t('webhooks.run')}
          </Anchor>
        ))}
        <Button
          variant="subtle"
          size="compact-sm"
          aria-label={t('webhooks.bodyOf', { id: webhook.webhookId })}
          onClick={onOpen}
        >
          {t('webhooks.body')}
        </Button>
      </Group>
    </Stack>
  );
}

function Body({ id, webhookId, onClose }: { id: string; webhookId: string; onClose: () => void }) {
  const { t } = useTranslation();
  const { data, error, isPending } = useQuery(webhooksApi.getReceivedWebhook, { id, webhookId });
  return (
    <Dialog onClose={onClose} size="lg" title={t('webhooks.bodyOf', { id: webhookId })}>
      <ErrorNote error={error} />
      {isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {data && (
        <Code block className="breakable" style={{ whiteSpace: 'pre-wrap' }}>
          {data.body}
        </Code>
      )}
    </Dialog>
  );
}
