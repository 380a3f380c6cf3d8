import { useInfiniteQuery } from '@connectrpc/connect-query';
import type { AuditEvent } from '@gen/smartid/integrations/v1/audit_service_pb.js';
import { Button, Card, Group, Loader, Stack, Switch, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import IconHistory from '@tabler/icons-react/icons/IconHistory';
import { skipToken } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { auditApi } from '../../api/audit-api.js';
import { useInstitution } from '../../api/institutions.js';
import { Differences } from '../../ui/differences.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { InstitutionSelect } from '../../ui/institution-select.js';
import { Page } from '../../ui/page.js';
import { StateBadge } from '../../ui/status-badge.js';
import { VirtualList } from '../../ui/virtual-list.js';
import { When } from '../../ui/when.js';
import { Verification } from './verification.js';

/** Who did what, and what was refused. */
function Audit() {
  const { t } = useTranslation();
  const { institutionId, zone, choose } = useInstitution();
  const [refused, setRefused] = useState(false);
  const [actor, setActor] = useState('');
  const [asked] = useDebouncedValue(actor.trim(), 300);
  const found = useInfiniteQuery(
    auditApi.listAuditEvents,
    institutionId ? { institutionId, refused, actor: asked, pageSize: 200, pageToken: '' } : skipToken,
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const events = found.data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <Page title={t('nav.audit')} lead={t('audit.lead')}>
      <Group align="flex-end">
        <InstitutionSelect value={institutionId} onChange={choose} />
        <TextInput
          label={t('audit.actor')}
          value={actor}
          onChange={({ currentTarget }) => setActor(currentTarget.value)}
          style={{ flex: '1 1 180px' }}
        />
        <Switch
          label={t('audit.refused')}
          checked={refused}
          onChange={({ currentTarget }) => setRefused(currentTarget.checked)}
          pb={8}
        />
      </Group>
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {institutionId && <Verification institutionId={institutionId} />}
      {institutionId && found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {(!institutionId || (found.isSuccess && events.length === 0)) && (
        <EmptyState Icon={IconHistory} title={t('audit.emptyTitle')} text={t('audit.emptyText')} />
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
  const hasMore = event.before !== undefined || event.after !== undefined;
  const from = [event.method, event.address, event.requestId].filter(Boolean).join(' · ');
  return (
    <Stack gap={4} px="lg" py="sm" style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}>
      <Group gap="sm" justify="space-between">
        <Group gap="sm">
          <Text fw={600} component="span">
            {event.action}
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
      <Text size="sm" c="dimmed" className="breakable">
        {event.objectType} {event.objectId}
        {from && ` · ${from}`}
      </Text>
      {event.detail && (
        <Text size="sm" className="breakable">
          {event.detail}
        </Text>
      )}
      {hasMore && (
        <Button
          variant="subtle"
          size="compact-xs"
          aria-expanded={isOpen}
          onClick={() => setIsOpen(!isOpen)}
          style={{ alignSelf: 'flex-start' }}
        >
          {t(isOpen ? 'audit.less' : 'audit.more')}
        </Button>
      )}
      {isOpen && <Differences before={event.before} after={event.after} />}
    </Stack>
  );
}

export const route = { Component: Audit };
