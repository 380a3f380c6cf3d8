import { timestampMs } from '@bufbuild/protobuf/wkt';
import { useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { type SyncRun, SyncRun_Kind, SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Alert, Anchor, Badge, Card, Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { lazy, type ReactNode, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { integrationsApi } from '../../api/clients.js';
import { useHeldRuns } from '../../api/held-runs.js';
import { placeOf, useProviderTitle, zoneOf } from '../../api/integrations.js';
import { isUnderWay, pathOf } from '../../api/runs.js';
import { schedulesApi } from '../../api/schedules-api.js';
import { ProviderLogo } from '../../ui/provider-logo.js';
import { HealthBadge, RunBadge } from '../../ui/status-badge.js';
import { agoOf, When } from '../../ui/when.js';

const RowsSparkline = lazy(() => import('./rows-sparkline.js'));

/** A school at a glance: its health, its last and next sync, what waits for a person. */
export function IntegrationCard({
  integration,
  runs,
}: {
  integration: Integration;
  runs: readonly SyncRun[];
}) {
  const { t } = useTranslation();
  const titleOf = useProviderTitle();
  const path = `/console/integrations/${integration.id}`;
  const { data: plans = [] } = useHeldRuns();
  const held = plans.find(({ integrationId }) => integrationId === integration.id);
  const shown = runs.find(isUnderWay) ?? held;
  const sentence = integration.lastError ?? held?.error;
  const done = runs.filter(
    ({ kind, status }) => kind === SyncRun_Kind.SYNC && status === SyncRun_Status.COMPLETED,
  );
  // Rows of different entity types do not compare: those that were synced the most are drawn.
  const [most = []] = [...Map.groupBy(done, ({ entityType }) => entityType).values()].sort(
    (a, b) => b.length - a.length,
  );
  const rows = most.map(({ counts }) => counts?.read ?? 0).reverse();
  return (
    <Card component="article" aria-label={placeOf(integration)}>
      <Stack gap="md" h="100%">
        <Group justify="space-between" gap="xs" align="flex-start">
          <Group wrap="nowrap" gap="sm" style={{ minWidth: 0, flex: '1 1 180px' }}>
            <ProviderLogo provider={integration.provider} size={44} />
            <Stack gap={0} style={{ minWidth: 0 }}>
              <Anchor component={Link} to={path} fw={650} size="lg" truncate>
                {placeOf(integration)}
              </Anchor>
              <Text size="sm" c="dimmed">
                {titleOf(integration.provider)}
              </Text>
            </Stack>
          </Group>
          {shown ? <RunBadge status={shown.status} /> : <HealthBadge status={integration.status} />}
        </Group>
        {sentence && (
          <Alert color={integration.lastError ? 'red' : 'orange'} p="xs">
            <Text size="sm" lineClamp={3} className="breakable">
              {sentence}
            </Text>
          </Alert>
        )}
        <SimpleGrid cols={2} spacing="sm">
          <Fact label={t('overview.lastSync')}>
            <LastSync integration={integration} />
          </Fact>
          <Fact label={t('overview.nextSync')}>
            <NextSync integration={integration} />
          </Fact>
        </SimpleGrid>
        {rows.length > 1 && (
          <div style={{ height: 44 }}>
            <Suspense fallback={null}>
              <RowsSparkline
                rows={rows}
                label={t('overview.rows', { count: rows.length, last: rows.at(-1) })}
              />
            </Suspense>
          </div>
        )}
        <Waits integration={integration} held={held} />
      </Stack>
    </Card>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Text size="sm" fw={500} component="div">
        {children}
      </Text>
    </div>
  );
}

function LastSync({ integration }: { integration: Integration }) {
  const { t, i18n } = useTranslation();
  if (!integration.lastSyncAt) return t('overview.never');
  return (
    <>
      {agoOf(integration.lastSyncAt, i18n.language)}
      <Text size="xs" c="dimmed" component="div">
        <When at={integration.lastSyncAt} zone={zoneOf(integration)} />
      </Text>
    </>
  );
}

function NextSync({ integration }: { integration: Integration }) {
  const { t } = useTranslation();
  const { data } = useQuery(schedulesApi.listSchedules, { id: integration.id }, { refetchInterval: 30_000 });
  const [next] = (data?.schedules ?? [])
    .flatMap(({ nextTimes }) => nextTimes.slice(0, 1))
    .sort((a, b) => timestampMs(a) - timestampMs(b));
  return next ? <When at={next} zone={zoneOf(integration)} /> : t('overview.byHand');
}

function Waits({ integration, held }: { integration: Integration; held: SyncRun | undefined }) {
  const { t } = useTranslation();
  const { data } = useQuery(
    integrationsApi.listConflicts,
    { id: integration.id, pageSize: 1_000 },
    { refetchInterval: 15_000 },
  );
  const conflicts = data?.conflicts.length ?? 0;
  const isMore = data?.nextPageToken ? '+' : '';
  if (!held && conflicts === 0)
    return (
      <Text size="sm" c="dimmed" mt="auto">
        {t('overview.nothingWaits')}
      </Text>
    );
  return (
    <Group gap="xs" mt="auto">
      {held && (
        <Badge
          component={Link}
          to={pathOf(held)}
          color="#a83208"
          variant="filled"
          tt="none"
          style={{ cursor: 'pointer' }}
        >
          {t('overview.held')}
        </Badge>
      )}
      {conflicts > 0 && (
        <Badge
          component={Link}
          to={`/console/conflicts/${integration.id}`}
          color="grape.8"
          variant="filled"
          tt="none"
          style={{ cursor: 'pointer' }}
        >
          {t('overview.conflicts', { count: conflicts, more: isMore })}
        </Badge>
      )}
    </Group>
  );
}
