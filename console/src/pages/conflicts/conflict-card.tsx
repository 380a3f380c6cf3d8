import type { JsonObject } from '@bufbuild/protobuf';
import { useQuery } from '@connectrpc/connect-query';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import {
  SyncConflict_Resolution as Resolution,
  type SyncConflict,
  type SyncConflict_Candidate,
} from '@gen/smartid/integrations/v1/sync_pb.js';
import { Button, Card, Group, Progress, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { skipToken } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { rosterApi } from '../../api/roster-api.js';
import { fullName, PersonFields } from './person-fields.js';
import { useRuleName } from './rule-name.js';

interface ConflictCardProps {
  conflict: SyncConflict;
  institutionId: string;
  /** Whether keys are about this one. */
  isCurrent: boolean;
  isBusy: boolean;
  onFocus: () => void;
  onDecide: (resolution: Resolution, internalId?: string) => void;
}

/** What the school says of somebody, beside those in SmartID who it may be, and the three answers. */
export function ConflictCard(props: ConflictCardProps) {
  const { conflict, institutionId, isCurrent, isBusy, onFocus, onDecide } = props;
  const { t } = useTranslation();
  const card = useRef<HTMLDivElement>(null);
  const { record = {}, candidates } = conflict;
  const kind = MappingEntityType[conflict.entityType] as 'STUDENT' | 'TEACHER';
  const wasCurrent = useRef(isCurrent);
  useEffect(() => {
    // Who moves by keys is followed; who has just come sees the top of the page.
    if (isCurrent && !wasCurrent.current) card.current?.scrollIntoView({ block: 'nearest' });
    wasCurrent.current = isCurrent;
  }, [isCurrent]);
  return (
    <Card
      ref={card}
      component="article"
      aria-label={fullName(record)}
      aria-current={isCurrent}
      onFocusCapture={onFocus}
      style={isCurrent ? { borderColor: 'var(--mantine-color-anchor)', borderWidth: 2 } : undefined}
    >
      <Stack>
        <Text size="sm">{t('conflicts.why', { reason: conflict.reason })}</Text>
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          <Stack gap="xs">
            <Text size="xs" c="dimmed" tt="uppercase" fw={600}>
              {t('conflicts.inSchool', { id: conflict.externalId })}
            </Text>
            <Title order={2}>{fullName(record)}</Title>
            <PersonFields person={record} />
          </Stack>
          <Stack gap="md">
            {candidates.map((candidate) => (
              <Candidate
                key={candidate.internalId}
                candidate={candidate}
                kind={kind}
                institutionId={institutionId}
                record={record}
                isBusy={isBusy}
                onLink={() => onDecide(Resolution.LINK, candidate.internalId)}
              />
            ))}
          </Stack>
        </SimpleGrid>
        <Group gap="sm">
          <Button variant="default" disabled={isBusy} onClick={() => onDecide(Resolution.CREATE)}>
            {t('conflicts.create')}
          </Button>
          <Button
            variant="subtle"
            color="red"
            c="var(--mantine-color-error)"
            disabled={isBusy}
            onClick={() => onDecide(Resolution.IGNORE)}
          >
            {t('conflicts.ignore')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}

interface CandidateProps {
  candidate: SyncConflict_Candidate;
  kind: 'STUDENT' | 'TEACHER';
  institutionId: string;
  record: JsonObject;
  isBusy: boolean;
  onLink: () => void;
}

function Candidate({ candidate, kind, institutionId, record, isBusy, onLink }: CandidateProps) {
  const { t } = useTranslation();
  const of = { institutionId, id: candidate.internalId };
  const kept = { staleTime: 300_000, retry: false };
  const student = useQuery(rosterApi.getStudent, kind === 'STUDENT' ? of : skipToken, kept).data?.student;
  const teacher = useQuery(rosterApi.getTeacher, kind === 'TEACHER' ? of : skipToken, kept).data?.teacher;
  const found = student ?? teacher;
  const { givenName = '', familyName = '', nationalId = '', email = '', code = '' } = found ?? {};
  const person = { givenName, familyName, nationalId, email, code, birthDate: student?.birthDate ?? '' };
  const nameOf = useRuleName();
  const percent = Math.round(candidate.confidence * 100);
  return (
    <Stack gap="xs">
      <Text size="xs" c="dimmed" tt="uppercase" fw={600}>
        {t('conflicts.inSmartId')}
      </Text>
      <Text fw={650} fz="lg">
        {found ? fullName(person) : '…'}
      </Text>
      <PersonFields person={person} other={record} />
      <Group gap="sm" wrap="nowrap">
        <Progress value={percent} w={120} aria-label={t('conflicts.sure', { percent })} color="teal" />
        <Text size="sm">
          {t('conflicts.sure', { percent })} · {t('conflicts.same', { rule: nameOf(candidate.rule) })}
        </Text>
      </Group>
      <Group>
        <Button disabled={isBusy} onClick={onLink}>
          {t('conflicts.link')}
        </Button>
      </Group>
    </Stack>
  );
}
