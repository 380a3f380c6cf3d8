import { Button, SimpleGrid, Skeleton, Stack, Title } from '@mantine/core';
import IconPlugConnected from '@tabler/icons-react/icons/IconPlugConnected';
import IconPlus from '@tabler/icons-react/icons/IconPlus';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useIntegrations } from '../../api/integrations.js';
import { useRecentRuns } from '../../api/runs.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { Page } from '../../ui/page.js';
import { RunList } from '../../ui/run-list.js';
import { IntegrationCard } from './integration-card.js';
import { Waiting } from './waiting.js';

/** Cards that are shown at first: each asks for its own schedules and conflicts. */
const FIRST = 24;
const TOLD_RUNS = 12;

function Overview() {
  const { t } = useTranslation();
  const integrations = useIntegrations();
  const runs = useRecentRuns();
  const [shown, setShown] = useState(FIRST);
  const all = integrations.data ?? [];
  return (
    <Page title={t('overview.title')} lead={t('overview.lead')}>
      <ErrorNote error={integrations.error ?? runs.error} onRetry={() => void integrations.refetch()} />
      {integrations.isPending && <Loading />}
      {integrations.isSuccess && all.length === 0 && (
        <EmptyState Icon={IconPlugConnected} title={t('overview.emptyTitle')} text={t('overview.emptyText')}>
          <Button component={Link} to="/console/connect" leftSection={<IconPlus size={18} aria-hidden />}>
            {t('connect.title')}
          </Button>
        </EmptyState>
      )}
      {all.length > 0 && (
        <>
          <Waiting integrations={all} />
          <Stack gap="sm" component="section" aria-label={t('overview.integrations')}>
            <Title order={2}>{t('overview.integrations')}</Title>
            <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }}>
              {all.slice(0, shown).map((integration) => (
                <IntegrationCard
                  key={integration.id}
                  integration={integration}
                  runs={(runs.data ?? []).filter(({ integrationId }) => integrationId === integration.id)}
                />
              ))}
            </SimpleGrid>
            {all.length > shown && (
              <Button variant="default" onClick={() => setShown(shown + FIRST)}>
                {t('overview.more', { count: all.length - shown })}
              </Button>
            )}
          </Stack>
          <Stack gap="sm" component="section" aria-label={t('overview.runs')}>
            <Title order={2}>{t('overview.runs')}</Title>
            <RunList runs={(runs.data ?? []).slice(0, TOLD_RUNS)} integrations={all} />
          </Stack>
        </>
      )}
    </Page>
  );
}

function Loading() {
  return (
    <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }} aria-hidden>
      <Skeleton h={220} radius="lg" />
      <Skeleton h={220} radius="lg" />
      <Skeleton h={220} radius="lg" />
    </SimpleGrid>
  );
}

export const route = { Component: Overview };
