import { useMutation } from '@connectrpc/connect-query';
import type { Integration as Shown } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Integration_Status } from '@gen/smartid/integrations/v1/integration_pb.js';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { type SyncRun, SyncRun_Kind } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Alert, Button, Loader, NativeSelect, Stack, Tabs } from '@mantine/core';
import IconPlayerPlay from '@tabler/icons-react/icons/IconPlayerPlay';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router';
import { integrationsApi } from '../../api/clients.js';
import { useHeldRuns } from '../../api/held-runs.js';
import { placeOf, useIntegration, useProviderTitle, zoneOf } from '../../api/integrations.js';
import { pathOf, useRecentRuns } from '../../api/runs.js';
import { takesUploads } from '../../api/upload-file.js';
import { ErrorNote } from '../../ui/error-note.js';
import { Page } from '../../ui/page.js';
import { RunList } from '../../ui/run-list.js';
import { HealthBadge, RunBadge } from '../../ui/status-badge.js';
import { Deliveries } from './deliveries.js';
import { Events } from './events.js';
import { Mappings } from './mappings.js';
import { Policy } from './policy.js';
import { Schedules } from './schedules.js';
import { SettingsTab } from './settings-tab.js';
import { Status } from './status.js';
import { Webhooks } from './webhooks.js';

const TABS = [
  'status',
  'settings',
  'schedule',
  'policy',
  'mappings',
  'deliveries',
  'events',
  'webhooks',
] as const;
type Tab = (typeof TABS)[number];

/** One school: how it stands, and everything that can be set about it. */
function Integration() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const { data, error, refetch } = useIntegration(id);
  const titleOf = useProviderTitle();
  const held = useHeldRuns().data?.find(({ integrationId }) => integrationId === id);
  return (
    <Page
      title={data ? placeOf(data) : '…'}
      lead={data && titleOf(data.provider)}
      badge={
        data &&
        (held && data.status === Integration_Status.ACTIVE ? (
          <Link to={pathOf(held)}>
            <RunBadge status={held.status} />
          </Link>
        ) : (
          <HealthBadge status={data.status} />
        ))
      }
      trail={[{ label: t('nav.overview'), to: '/console' }]}
      actions={data && <Start integration={data} />}
    >
      <ErrorNote error={data ? undefined : error} onRetry={() => void refetch()} />
      {!data && !error && <Loader role="img" aria-label={t('common.loading')} />}
      {data?.lastError && (
        <Alert color="red" title={t('integration.lastError')}>
          {data.lastError}
        </Alert>
      )}
      {data && <Parts integration={data} />}
    </Page>
  );
}

/** What waits, why, and the way to it. */
function HeldNote({ run }: { run: SyncRun }) {
  const { t } = useTranslation();
  return (
    <Alert color="orange" title={t('plan.held')} mb="lg">
      <Stack gap="sm" align="flex-start">
        {run.error}
        <Button component={Link} to={pathOf(run)} size="xs">
          {t('held.decide')}
        </Button>
      </Stack>
    </Alert>
  );
}

function Start({ integration }: { integration: Shown }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const start = useMutation(integrationsApi.startSync, {
    onSuccess: ({ run }) => {
      if (run) navigate(pathOf(run));
    },
  });
  const isOff = integration.status === Integration_Status.INACTIVE;
  const begin = (kind: SyncRun_Kind) =>
    start.mutate({ id: integration.id, entityType: MappingEntityType.ALL, kind });
  return (
    <>
      <Button
        variant="default"
        loading={start.isPending}
        disabled={isOff}
        onClick={() => begin(SyncRun_Kind.PREVIEW)}
      >
        {t('integration.preview')}
      </Button>
      <Button
        leftSection={<IconPlayerPlay size={18} aria-hidden />}
        loading={start.isPending}
        disabled={isOff}
        onClick={() => begin(SyncRun_Kind.SYNC)}
      >
        {t('integration.sync')}
      </Button>
      <ErrorNote error={start.error} />
    </>
  );
}

function Parts({ integration }: { integration: Shown }) {
  const { t } = useTranslation();
  const [query, setQuery] = useSearchParams();
  const asked = query.get('tab') as Tab;
  const shown = TABS.includes(asked) ? asked : 'status';
  const choose = (tab: string | null) => setQuery({ tab: tab ?? 'status' }, { replace: true });
  const runs = useRecentRuns(integration.id, 100);
  const held = useHeldRuns().data?.find(({ integrationId }) => integrationId === integration.id);
  const zone = zoneOf(integration);
  return (
    <Tabs value={shown} onChange={choose} keepMounted={false}>
      <NativeSelect
        hiddenFrom="md"
        label={t('integration.part')}
        data={TABS.map((tab) => ({ value: tab, label: t(`integration.tab.${tab}`) }))}
        value={shown}
        onChange={({ currentTarget }) => choose(currentTarget.value)}
      />
      <Tabs.List visibleFrom="md">
        {TABS.map((tab) => (
          <Tabs.Tab key={tab} value={tab}>
            {t(`integration.tab.${tab}`)}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value="status" pt="lg">
        {held && <HeldNote run={held} />}
        <Status integration={integration} zone={zone}>
          <RunList runs={runs.data?.slice(0, 20) ?? []} zone={zone} />
        </Status>
      </Tabs.Panel>
      <Tabs.Panel value="settings" pt="lg">
        <SettingsTab
          // Its form begins anew when another part of the page has changed where files are read from.
          key={String(takesUploads(integration.config))}
          integration={integration}
        />
      </Tabs.Panel>
      <Tabs.Panel value="schedule" pt="lg">
        <Schedules integration={integration} zone={zone} />
      </Tabs.Panel>
      <Tabs.Panel value="policy" pt="lg">
        <Policy integration={integration} />
      </Tabs.Panel>
      <Tabs.Panel value="mappings" pt="lg">
        <Mappings integration={integration} zone={zone} />
      </Tabs.Panel>
      <Tabs.Panel value="deliveries" pt="lg">
        <Deliveries integration={integration} zone={zone} />
      </Tabs.Panel>
      <Tabs.Panel value="events" pt="lg">
        <Events integration={integration} zone={zone} />
      </Tabs.Panel>
      <Tabs.Panel value="webhooks" pt="lg">
        <Webhooks integration={integration} zone={zone} />
      </Tabs.Panel>
    </Tabs>
  );
}

export const route = { Component: Integration };
