import { useInfiniteQuery, useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { type Mapping, MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { Button, Card, Group, NativeSelect, SegmentedControl, Stack, TextInput } from '@mantine/core';
import { skipToken } from '@tanstack/react-query';
import { type FormEvent, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import type { EntityKind } from '../../ui/entity-name.js';
import { ErrorNote } from '../../ui/error-note.js';
import { VirtualList } from '../../ui/virtual-list.js';
import { MappingHistory } from './mapping-history.js';
import { MappingRow } from './mapping-row.js';
import { RepairMapping } from './repair-mapping.js';

const KINDS = ['STUDENT', 'TEACHER', 'GROUP', 'COURSE'] as const;
type Side = 'external' | 'internal';

/** The map of ids: searched by either side, with the history of each pair, and its repairs. */
export function Mappings({ integration, zone }: { integration: Integration; zone: string }) {
  const { t } = useTranslation();
  const [kind, setKind] = useState<EntityKind>('STUDENT');
  const [side, setSide] = useState<Side>('external');
  const [text, setText] = useState('');
  const [asked, setAsked] = useState('');
  const [opened, setOpened] = useState<{ mapping: Mapping; how: 'history' | 'repair' }>();
  const found = useMappings(integration.id, kind, side, asked);
  const search = (event: FormEvent) => {
    event.preventDefault();
    setAsked(text.trim());
  };
  return (
    <Stack>
      <Group component="form" onSubmit={search} align="flex-end">
        <NativeSelect
          label={t('mappings.what')}
          data={KINDS.map((value) => ({ value, label: t(`entity.${value}`) }))}
          value={kind}
          onChange={({ currentTarget }) => setKind(currentTarget.value as EntityKind)}
        />
        <SegmentedControl
          aria-label={t('mappings.side')}
          data={[
            { value: 'external', label: t('mappings.external') },
            { value: 'internal', label: t('mappings.internal') },
          ]}
          value={side}
          onChange={(value) => setSide(value as Side)}
        />
        <TextInput
          label={t('mappings.search')}
          value={text}
          onChange={({ currentTarget }) => {
            setText(currentTarget.value);
            if (currentTarget.value === '') setAsked('');
          }}
          style={{ flex: '1 1 180px' }}
        />
        <Button type="submit">{t('common.search')}</Button>
      </Group>
      <ErrorNote error={found.error} />
      <Card padding={0}>
        <VirtualList
          key={`${kind} ${asked}`}
          items={found.mappings}
          keyOf={({ id }) => id}
          render={(mapping) => (
            <MappingRow
              mapping={mapping}
              kind={kind}
              institutionId={integration.institutionId}
              onHistory={() => setOpened({ mapping, how: 'history' })}
              onRepair={() => setOpened({ mapping, how: 'repair' })}
            />
          )}
          estimate={65}
          label={t('integration.tab.mappings')}
          hasMore={found.hasMore}
          isLoading={found.isLoading}
          loadMore={found.loadMore}
          empty={t(asked ? 'mappings.none' : 'mappings.emptyText')}
        />
      </Card>
      {opened?.how === 'history' && (
        <MappingHistory mapping={opened.mapping} zone={zone} onClose={() => setOpened(undefined)} />
      )}
      {opened?.how === 'repair' && (
        <RepairMapping
          mapping={opened.mapping}
          kind={kind}
          institutionId={integration.institutionId}
          onClose={() => setOpened(undefined)}
        />
      )}
    </Stack>
  );
}

/** All of a kind, page after page; or the one that has this id. */
function useMappings(id: string, kind: EntityKind, side: Side, asked: string) {
  const of = { id, entityType: MappingEntityType[kind] };
  const ids = side === 'external' ? { externalId: asked } : { internalId: asked };
  const one = useQuery(integrationsApi.getMapping, asked ? { ...of, ...ids } : skipToken);
  const all = useInfiniteQuery(
    integrationsApi.listMappings,
    asked ? skipToken : { ...of, pageSize: 500, pageToken: '' },
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const mappings = useMemo(() => {
    if (asked) return one.data?.mapping ? [one.data.mapping] : [];
    return all.data?.pages.flatMap((page) => page.mappings) ?? [];
  }, [asked, one.data, all.data]);
  return {
    mappings,
    error: asked ? one.error : all.error,
    isLoading: asked ? one.isLoading : all.isPending || all.isFetchingNextPage,
    hasMore: !asked && all.hasNextPage,
    loadMore: all.fetchNextPage,
  };
}
