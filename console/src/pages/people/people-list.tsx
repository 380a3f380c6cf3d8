import { useInfiniteQuery } from '@connectrpc/connect-query';
import type { Student, Teacher } from '@gen/smartid/roster/v1/roster_pb.js';
import { Anchor, Button, Card, Group, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import IconUsers from '@tabler/icons-react/icons/IconUsers';
import { skipToken } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
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

const PAGE = { pageSize: 1_000, pageToken: '' } as const;

/** Searches the people of an institution as one types: the list has them all, page after page. */
export function PeopleList() {
  const { t, i18n } = useTranslation();
  const { institutionId, choose } = useInstitution();
  const [kind, setKind] = useState<PersonKind>('STUDENT');
  const [text, setText] = useState('');
  const [wanted] = useDebouncedValue(text, 200);
  const found = usePeople(institutionId, kind);
  const people = useMemo(() => matching(found.people, wanted), [found.people, wanted]);
  const { hasNextPage, isFetching, fetchNextPage } = found;
  useEffect(() => {
    // A search looks at everybody, and not only at those who were scrolled to.
    if (wanted !== '' && hasNextPage && !isFetching) void fetchNextPage();
  }, [wanted, hasNextPage, isFetching, fetchNextPage]);
  const number = new Intl.NumberFormat(i18n.language);
  return (
    <Page title={t('nav.people')} lead={t('people.lead')}>
      <Group align="flex-end">
        <InstitutionSelect value={institutionId} onChange={choose} />
        <TextInput
          label={t('people.search')}
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
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
      {found.isSuccess && found.people.length === 0 ? (
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
              key={`${institutionId} ${kind}`}
              items={people}
              keyOf={({ id }) => id}
              render={(person) => <PersonRow person={person} kind={kind} />}
              estimate={57}
              label={t('nav.people')}
              hasMore={hasNextPage}
              isLoading={institutionId !== '' && (found.isPending || found.isFetchingNextPage)}
              loadMore={fetchNextPage}
            />
          </Card>
        </Stack>
      )}
    </Page>
  );
}

function usePeople(institutionId: string, kind: PersonKind) {
  const paging = {
    pageParamKey: 'pageToken',
    getNextPageParam: ({ nextPageToken }: { nextPageToken: string }) => nextPageToken || undefined,
  } as const;
  const students = useInfiniteQuery(
    rosterApi.listStudents,
    institutionId && kind === 'STUDENT' ? { institutionId, ...PAGE } : skipToken,
    paging,
  );
  const teachers = useInfiniteQuery(
    rosterApi.listTeachers,
    institutionId && kind === 'TEACHER' ? { institutionId, ...PAGE } : skipToken,
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

/** Everybody of whom each word is somewhere; accents and capitals aside. */
function matching(people: readonly (Student | Teacher)[], text: string): readonly (Student | Teacher)[] {
  const words = plain(text).split(/\s+/).filter(Boolean);
  if (words.length === 0) return people;
  return people.filter(({ givenName, familyName, email, nationalId, code, id }) => {
    const said = plain([givenName, familyName, email, nationalId, code, id].filter(Boolean).join(' '));
    return words.every((word) => said.includes(word));
  });
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
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
