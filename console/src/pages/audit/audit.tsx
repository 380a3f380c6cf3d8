import { useInfiniteQuery } from '@connectrpc/connect-query';
import type { AuditEvent } from '@gen/smartid/integrations/v1/audit_service_pb.js';
import { Anchor, Button, Card, Group, Loader, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import IconHistory from '@tabler/icons-react/icons/IconHistory';
import { skipToken } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { auditApi } from '../../api/audit-api.js';
import { useInstitution } from '../../api/institutions.js';
import { placeOf, useIntegrations } from '../../api/integrations.js';
import { pathOf } from '../../api/runs.js';
import { Differences } from '../../ui/differences.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { InstitutionSelect } from '../../ui/institution-select.js';
import { Page } from '../../ui/page.js';
import { StateBadge } from '../../ui/status-badge.js';
import { VirtualList } from '../../ui/virtual-list.js';
import { When } from '../../ui/when.js';
import { useActionName } from './action-name.js';
import { AuditFilters, asked, EVERYTHING } from './audit-filters.js';
import { Verification } from './verification.js';

/** Who did what, and what was refused. */
function Audit() {
  const { t } = useTranslation();
  const { institutionId, zone, choose } = useInstitution();
  const [filter, setFilter] = useState(EVERYTHING);
  const [settled] = useDebouncedValue(filter, 300);
  const found = useInfiniteQuery(
    auditApi.listAuditEvents,
    institutionId ? { institutionId, ...asked(settled), pageSize: 200, pageToken: '' } : skipToken,
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const isFiltered = JSON.stringify(settled) !== JSON.stringify(EVERYTHING);
  const events = useMemo(() => found.data?.pages.flatMap((page) => page.events) ?? [], [found.data]);
  return (
    <Page title={t('nav.audit')} lead={t('audit.lead')}>
      <Group align="flex-end">
        <InstitutionSelect
          value={institutionId}
          onChange={(id) => {
            setFilter(EVERYTHING);
            choose(id);
          }}
        />
      </Group>
      <AuditFilters institutionId={institutionId} value={filter} onChange={setFilter} />
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {institutionId && <Verification institutionId={institutionId} />}
      {institutionId && found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {(!institutionId || (found.isSuccess && events.length === 0)) && (
        <EmptyState
          Icon={IconHistory}
          title={t('audit.emptyTitle')}
          text={t(isFiltered ? 'audit.noneFit' : 'audit.emptyText')}
        >
          {isFiltered && <Button onClick={() => setFilter(EVERYTHING)}>{t('audit.reset')}</Button>}
        </EmptyState>
      )}
      {events.length > 0 && (
        <Card padding={0}>
          <VirtualList
            items={events}
            keyOf={({ position }) => position}
            render={(event) => <EventRow event={event} zone={zone} />}
            estimate={72}
            label={t('nav.audit')}
            hasMore={found.hasNextPage}
            isLoading={found.isFetchingNextPage}
            loadMore={found.fetchNextPage}
          />
        </Card>
      )}
    </Page>
  );
}

function EventRow({ event, zone }: { event: AuditEvent; zone: string }) {
  const { t } = useTranslation();
  const [isOpen, setIsOpen] = useState(false);
  const isRefused = event.outcome !== 'OK';
  const nameOf = useActionName();
  const owner = useIntegrations().data?.find(({ id }) => id === event.integrationId);
  const from = [event.method, event.address, event.requestId].filter(Boolean).join(' · ');
  return (
    <Stack gap={4} px="lg" py="sm" style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}>
      <Group gap="sm" justify="space-between">
        <Group gap="sm">
          <Text fw={600} component="span">
            {nameOf(event.action)}
          </Text>
          {isRefused && <StateBadge color="red" label={event.outcome} />}
          <Text size="sm" component="span">
            {t('audit.by', { actor: event.actor })}
          </Text>
        </Group>
        <Text size="sm" c="dimmed">
          <When at={event.at} zone={zone} />
        </Text>
      </Group>
      {(owner || event.runId) && (
        <Group gap="md">
          {owner && (
            <Anchor component={Link} size="sm" to={`/console/integrations/${owner.id}`}>
              {placeOf(owner)}
            </Anchor>
          )}
          {event.runId && event.integrationId && (
            <Anchor
              component={Link}
              size="sm"
              to={pathOf({ integrationId: event.integrationId, id: event.runId })}
            >
              {t('audit.openRun')}
            </Anchor>
          )}
        </Group>
      )}
      {event.detail && (
        <Text size="sm" className="breakable">
          {event.detail}
        </Text>
      )}
      <Button
        variant="subtle"
        size="compact-xs"
        aria-expanded={isOpen}
        onClick={() => setIsOpen(!isOpen)}
        style={{ alignSelf: 'flex-start' }}
      >
        {t(isOpen ? 'audit.less' : 'audit.more')}
      </Button>
      {isOpen && (
        <>
          <Differences before={event.before} after={event.after} />
          <Text size="sm" c="dimmed" className="breakable">
            {event.objectType} {event.objectId}
            {from && ` · ${from}`}
          </Text>
        </>
      )}
    </Stack>
  );
}

export const route = { Component: Audit };
