import { useInfiniteQuery, useMutation } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import {
  SyncConflict_Resolution as Resolution,
  type SyncConflict,
} from '@gen/smartid/integrations/v1/sync_pb.js';
import { Alert, Group, Kbd, Loader, Stack, Text } from '@mantine/core';
import IconUserCheck from '@tabler/icons-react/icons/IconUserCheck';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { integrationsApi } from '../../api/clients.js';
import { useIntegrations } from '../../api/integrations.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { IntegrationSelect } from '../../ui/integration-select.js';
import { Page } from '../../ui/page.js';
import { BulkDecision } from './bulk-decision.js';
import { ConflictCard } from './conflict-card.js';
import { useShortcuts } from './use-shortcuts.js';

/** People of a school of whom only a person can say who they are. */
function Conflicts() {
  const { t } = useTranslation();
  const { id } = useParams();
  const navigate = useNavigate();
  const integrations = useIntegrations();
  const all = integrations.data ?? [];
  const chosen = all.find((integration) => integration.id === id) ?? all[0];
  return (
    <Page title={t('nav.conflicts')} lead={t('conflicts.lead')}>
      <ErrorNote error={integrations.error} onRetry={() => void integrations.refetch()} />
      {integrations.isSuccess && !chosen && (
        <EmptyState Icon={IconUserCheck} title={t('conflicts.emptyTitle')} text={t('conflicts.emptyText')} />
      )}
      {chosen && (
        <>
          <IntegrationSelect
            integrations={all}
            value={chosen.id}
            onChange={(other) => navigate(`/console/conflicts/${other}`)}
          />
          <Queue key={chosen.id} integration={chosen} />
        </>
      )}
    </Page>
  );
}

/** So many are drawn at once: who decides one gets the next. */
const SHOWN = 20;

function Queue({ integration }: { integration: Integration }) {
  const { t, i18n } = useTranslation();
  const [place, setPlace] = useState(0);
  const found = useInfiniteQuery(
    integrationsApi.listConflicts,
    { id: integration.id, pageSize: 1_000, pageToken: '' },
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const resolve = useMutation(integrationsApi.resolveConflict);
  const waiting = found.data?.pages.flatMap(({ conflicts }) => conflicts) ?? [];
  const shown = waiting.slice(0, SHOWN);
  const at = Math.min(place, Math.max(0, shown.length - 1));
  const decide = (conflict: SyncConflict, resolution: Resolution, internalId = '') =>
    resolve.mutate({ id: integration.id, conflictId: conflict.id, resolution, internalId });
  const current = shown[at];
  useShortcuts({
    next: () => setPlace(Math.min(at + 1, shown.length - 1)),
    previous: () => setPlace(Math.max(at - 1, 0)),
    link: () => current?.candidates[0] && decide(current, Resolution.LINK, current.candidates[0].internalId),
    create: () => current && decide(current, Resolution.CREATE),
    ignore: () => current && decide(current, Resolution.IGNORE),
  });
  const count = new Intl.NumberFormat(i18n.language).format(waiting.length) + (found.hasNextPage ? '+' : '');
  return (
    <Stack gap="lg">
      <ErrorNote error={found.error ?? resolve.error} onRetry={() => void found.refetch()} />
      {found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {found.isSuccess && waiting.length === 0 && (
        <EmptyState Icon={IconUserCheck} title={t('conflicts.emptyTitle')} text={t('conflicts.emptyText')} />
      )}
      {waiting.length > 0 && (
        <>
          <Group justify="space-between">
            <Text fw={600} role="status">
              {t('conflicts.waiting', { count: waiting.length, shown: count })}
            </Text>
            <Group gap={6} visibleFrom="sm">
              <Kbd>J</Kbd>
              <Kbd>K</Kbd>
              <Text size="sm">{t('conflicts.keys.move')}</Text>
              <Kbd>L</Kbd>
              <Text size="sm">{t('conflicts.keys.link')}</Text>
              <Kbd>N</Kbd>
              <Text size="sm">{t('conflicts.keys.create')}</Text>
              <Kbd>I</Kbd>
              <Text size="sm">{t('conflicts.keys.ignore')}</Text>
            </Group>
          </Group>
          <BulkDecision integration={integration} conflicts={waiting} />
          <Alert>{t('conflicts.nextSync')}</Alert>
          {shown.map((conflict, index) => (
            <ConflictCard
              key={conflict.id}
              conflict={conflict}
              institutionId={integration.institutionId}
              isCurrent={index === at}
              isBusy={resolve.isPending}
              onFocus={() => setPlace(index)}
              onDecide={(resolution, internalId) => decide(conflict, resolution, internalId)}
            />
          ))}
        </>
      )}
    </Stack>
  );
}

export const route = { Component: Conflicts };
