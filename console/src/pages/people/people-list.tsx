import { useInfiniteQuery } from '@connectrpc/connect-query';
import type { Student, Teacher } from '@gen/smartid/roster/v1/roster_pb.js';
import { Anchor, Button, Card, Group, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import IconUsers from '@tabler/icons-react/icons/IconUsers';
import { skipToken } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useInstitution } from '../../api/institutions.js';
import { rosterApi } from '../../api/roster-api.js';
import { EmptyState } from '../../ui/empty-state.js';
import type { PersonKind } from '../../ui/entity-name.js';
import { ErrorNote } from '../../ui/error-note.js';
import { InstitutionSelect } from '../../ui/institution-select.js';
import { Page } from '../../ui/page.js';
import { StateBadge } from '../../ui/status-badge.js';
import { VirtualList } from '../../ui/virtual-list.js';

const PAGE = { pageSize: 500, pageToken: '' } as const;

/** The people of an institution, page after page; what is typed is looked for by the service. */
export function PeopleList() {
  const { t, i18n } = useTranslation();
  const { institutionId, choose } = useInstitution();
  const [kind, setKind] = useState<PersonKind>('STUDENT');
  const [text, setText] = useState('');
  const [wanted] = useDebouncedValue(text, 200);
  const found = usePeople(institutionId, kind, wanted.trim());
  const { people, hasNextPage, fetchNextPage } = found;
  const number = new Intl.NumberFormat(i18n.language);
  return (
    <Page title={t('nav.people')} lead={t('people.lead')}>
      <Group align="flex-end">
        <InstitutionSelect value={institutionId} onChange={choose} />
        <TextInput
          label={t('people.search')}
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
          maxLength={200}
          style={{ flex: '2 1 220px' }}
        />
        <SegmentedControl
          aria-label={t('mappings.what')}
          data={[
            { value: 'STUDENT', label: t('people.students') },
            { value: 'TEACHER', label: t('people.teachers') },
          ]}
          value={kind}
          onChange={(value) => setKind(value as PersonKind)}
        />
      </Group>
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {found.isSuccess && people.length === 0 && wanted.trim() === '' ? (
        <EmptyState Icon={IconUsers} title={t('people.emptyTitle')} text={t('people.emptyText')}>
          <Button component={Link} to="/console">
            {t('notFound.back')}
          </Button>
        </EmptyState>
      ) : (
        <Stack gap="xs">
          <Text size="sm" c="dimmed" role="status">
            {t('people.found', {
              count: people.length,
              shown: number.format(people.length) + (hasNextPage ? '+' : ''),
            })}
          </Text>
          <Card padding={0}>
            <VirtualList
              key={`${institutionId} ${kind} ${wanted}`}
              items={people}
              keyOf={({ id }) => id}
              render={(person) => <PersonRow person={person} kind={kind} />}
              estimate={57}
              label={t('nav.people')}
              hasMore={hasNextPage}
              isLoading={institutionId !== '' && (found.isPending || found.isFetchingNextPage)}
              loadMore={fetchNextPage}
              empty={t('people.noneFound')}
            />
          </Card>
        </Stack>
      )}
    </Page>
  );
}

function usePeople(institutionId: string, kind: PersonKind, query: string) {
  const paging = {
    pageParamKey: 'pageToken',
    getNextPageParam: ({ nextPageToken }: { nextPageToken: string }) => nextPageToken || undefined,
  } as const;
  const students = useInfiniteQuery(
    rosterApi.listStudents,
    institutionId && kind === 'STUDENT' ? { institutionId, query, ...PAGE } : skipToken,
    paging,
  );
  const teachers = useInfiniteQuery(
    rosterApi.listTeachers,
    institutionId && kind === 'TEACHER' ? { institutionId, query, ...PAGE } : skipToken,
    paging,
  );
  const people = useMemo(
    (): readonly (Student | Teacher)[] =>
      kind === 'STUDENT'
        ? (students.data?.pages.flatMap((page) => page.students) ?? [])
        : (teachers.data?.pages.flatMap((page) => page.teachers) ?? []),
    [kind, students.data, teachers.data],
  );
  const { data: _, ...found } = kind === 'STUDENT' ? students : teachers;
  return { ...found, people };
}

function PersonRow({ person, kind }: { person: Student | Teacher; kind: PersonKind }) {
  const { t } = useTranslation();
  const { institutionId, id, givenName, familyName, nationalId, email, active } = person;
  return (
    <Group
      px="lg"
      py="xs"
      justify="space-between"
      wrap="nowrap"
      style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}
    >
      <div style={{ minWidth: 0 }}>
        <Anchor component={Link} to={`/console/people/${institutionId}/${kind}/${id}`} fw={600}>
          {givenName} {familyName}
        </Anchor>
        <Text size="sm" c="dimmed" truncate>
          {[nationalId, email].filter(Boolean).join(' · ')}
        </Text>
      </div>
      {!active && <StateBadge color="gray" label={t('people.inactive')} />}
    </Group>
  );
}
