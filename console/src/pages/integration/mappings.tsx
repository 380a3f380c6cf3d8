import { useInfiniteQuery, useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { type Mapping, Mapping_Status, MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { Button, Card, Group, SegmentedControl, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { skipToken } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { ErrorNote } from '../../ui/error-note.js';
import { PersonName } from '../../ui/person-name.js';
import { StateBadge } from '../../ui/status-badge.js';
import { MappingHistory } from './mapping-history.js';

const TYPES = ['STUDENT', 'TEACHER', 'GROUP', 'COURSE'] as const;
type Type = (typeof TYPES)[number];
type Side = 'external' | 'internal';

/** The map of ids: searched by either side, with the history of each pair. */
export function Mappings({ integration, zone }: { integration: Integration; zone: string }) {
  const { t } = useTranslation();
  const [type, setType] = useState<Type>('STUDENT');
  const [side, setSide] = useState<Side>('external');
  const [text, setText] = useState('');
  const [asked, setAsked] = useState('');
  const [opened, setOpened] = useState<Mapping>();
  const ids = side === 'external' ? { externalId: asked } : { internalId: asked };
  const of = { id: integration.id, entityType: MappingEntityType[type] };
  const one = useQuery(integrationsApi.getMapping, asked ? { ...of, ...ids } : skipToken);
  const all = useInfiniteQuery(
    integrationsApi.listMappings,
    asked ? skipToken : { ...of, pageSize: 100, pageToken: '' },
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const found = asked
    ? one.data?.mapping
      ? [one.data.mapping]
      : []
    : (all.data?.pages.flatMap((page) => page.mappings) ?? []);
  const search = (event: FormEvent) => {
    event.preventDefault();
    setAsked(text.trim());
  };
  return (
    <Stack>
      <Group component="form" onSubmit={search} align="flex-end">
        <Select
          label={t('mappings.what')}
          data={TYPES.map((value) => ({ value, label: t(`entity.${value}`) }))}
          value={type}
          onChange={(value) => value && setType(value as Type)}
          allowDeselect={false}
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
          style={{ flex: '1 1 220px' }}
        />
        <Button type="submit">{t('common.search')}</Button>
      </Group>
      <ErrorNote error={one.error ?? all.error} />
      <Card padding={0}>
        <Table.ScrollContainer minWidth={560}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('mappings.external')}</Table.Th>
                <Table.Th>{t('mappings.who')}</Table.Th>
                <Table.Th>{t('mappings.internal')}</Table.Th>
                <Table.Th>{t('mappings.state')}</Table.Th>
                <Table.Th>{t('mappings.history')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {found.map((mapping) => (
                <Row
                  key={mapping.id}
                  mapping={mapping}
                  type={type}
                  institutionId={integration.institutionId}
                  onOpen={() => setOpened(mapping)}
                />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
        {found.length === 0 && !one.isLoading && !all.isLoading && (
          <Text c="dimmed" p="lg">
            {t('mappings.none')}
          </Text>
        )}
      </Card>
      {!asked && all.hasNextPage && (
        <Button variant="default" loading={all.isFetchingNextPage} onClick={() => void all.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
      {opened && <MappingHistory mapping={opened} zone={zone} onClose={() => setOpened(undefined)} />}
    </Stack>
  );
}

interface RowProps {
  mapping: Mapping;
  type: Type;
  institutionId: string;
  onOpen: () => void;
}

function Row({ mapping, type, institutionId, onOpen }: RowProps) {
  const { t } = useTranslation();
  const isMissing = mapping.status === Mapping_Status.MISSING;
  return (
    <Table.Tr>
      <Table.Td>
        <b>{mapping.externalId}</b>
      </Table.Td>
      <Table.Td>
        {type === 'STUDENT' || type === 'TEACHER' ? (
          <PersonName institutionId={institutionId} kind={type} id={mapping.internalId} />
        ) : (
          '—'
        )}
      </Table.Td>
      <Table.Td>
        <Text size="sm" ff="monospace" className="breakable">
          {mapping.internalId}
        </Text>
      </Table.Td>
      <Table.Td>
        <StateBadge
          color={isMissing ? 'yellow' : 'green'}
          label={t(isMissing ? 'mappings.missing' : 'mappings.active')}
        />
      </Table.Td>
      <Table.Td>
        <Button
          variant="default"
          size="xs"
          onClick={onOpen}
          aria-label={t('mappings.showOf', { id: mapping.externalId })}
        >
          {t('mappings.show')}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
