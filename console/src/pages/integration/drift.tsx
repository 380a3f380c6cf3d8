import { useQuery } from '@connectrpc/connect-query';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import type { Drift as OfType } from '@gen/smartid/integrations/v1/schedule_service_pb.js';
import { Anchor, Card, Group, Loader, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { LIVELY } from '../../api/query-client.js';
import { pathOf } from '../../api/runs.js';
import { schedulesApi } from '../../api/schedules-api.js';
import { ErrorNote } from '../../ui/error-note.js';
import { When } from '../../ui/when.js';

const DriftChart = lazy(() => import('./drift-chart.js'));

/** How far SmartID is from the school, by entity type, over the last previews. */
export function Drift({ id, zone }: { id: string; zone: string }) {
  const { t } = useTranslation();
  const { data, error, isPending } = useQuery(schedulesApi.getDrift, { id }, LIVELY);
  const drifts = (data?.drifts ?? []).filter(({ checks }) => checks.length > 0);
  return (
    <Card>
      <Stack>
        <div>
          <Title order={2}>{t('drift.title')}</Title>
          <Text c="dimmed" mt={4}>
            {t(drifts.length > 0 || isPending ? 'drift.text' : 'drift.emptyText')}
          </Text>
        </div>
        <ErrorNote error={error} />
        {isPending && <Loader role="img" aria-label={t('common.loading')} />}
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          {drifts.map((drift) => (
            <DriftOf key={drift.entityType} drift={drift} id={id} zone={zone} />
          ))}
        </SimpleGrid>
      </Stack>
    </Card>
  );
}

function DriftOf({ drift, id, zone }: { drift: OfType; id: string; zone: string }) {
  const { t, i18n } = useTranslation();
  const what = t(`entity.${MappingEntityType[drift.entityType] as 'ALL'}`);
  const [newest] = drift.checks;
  const distance = newest?.distance ?? 0;
  const shown = new Intl.NumberFormat(i18n.language).format(distance);
  return (
    <Stack gap="xs">
      <Group justify="space-between" gap="xs">
        <Title order={3} fz="md" tt="capitalize">
          {what}
        </Title>
        <Text fw={650} className="numbers">
          {t('drift.now', { count: distance, shown })}
        </Text>
      </Group>
      {drift.checks.some((check) => check.distance > 0) ? (
        <Suspense fallback={<div style={{ height: 120 }} />}>
          <DriftChart
            checks={[...drift.checks].reverse()}
            zone={zone}
            label={t('drift.chart', { what, checks: drift.checks.length, last: shown })}
          />
        </Suspense>
      ) : (
        <Text size="sm">{t('drift.same', { count: drift.checks.length })}</Text>
      )}
      {newest && (
        <Text size="sm" c="dimmed">
          {t('drift.latest')} <When at={newest.at} zone={zone} /> ·{' '}
          <Anchor
            component={Link}
            size="sm"
            underline="always"
            to={pathOf({ integrationId: id, id: newest.runId })}
          >
            {t('drift.open')}
          </Anchor>
        </Text>
      )}
    </Stack>
  );
}
