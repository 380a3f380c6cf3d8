import { callUnaryMethod, useMutation, useTransport } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import {
  SyncConflict_Resolution as Resolution,
  type SyncConflict,
} from '@gen/smartid/integrations/v1/sync_pb.js';
import { Button, Group, List, Modal, Select, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { ErrorNote } from '../../ui/error-note.js';
import { useRuleName } from './rule-name.js';

const ANSWERS = ['LINK', 'CREATE', 'IGNORE'] as const;
const TOLD = 10;

interface BulkDecisionProps {
  integration: Integration;
  conflicts: readonly SyncConflict[];
}

/** Decides all who have a candidate by the same rule, after showing how many and who. */
export function BulkDecision({ integration, conflicts }: BulkDecisionProps) {
  const { t } = useTranslation();
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <Group>
      <Button variant="default" onClick={open}>
        {t('conflicts.several')}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        size="lg"
        title={t('conflicts.several')}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <Decide integration={integration} conflicts={conflicts} onDone={close} />
      </Modal>
    </Group>
  );
}

function Decide({ integration, conflicts, onDone }: BulkDecisionProps & { onDone: () => void }) {
  const { t } = useTranslation();
  const nameOf = useRuleName();
  const transport = useTransport();
  const groups = Map.groupBy(
    conflicts,
    ({ entityType, candidates }) => `${entityType} ${candidates[0]?.rule ?? ''}`,
  );
  const [group, setGroup] = useState([...groups.keys()][0] ?? '');
  const [answer, setAnswer] = useState<(typeof ANSWERS)[number]>('LINK');
  const [reason, setReason] = useState('');
  const [type = '', ...rule] = group.split(' ');
  const asked = {
    id: integration.id,
    entityType: Number(type) as MappingEntityType,
    rule: rule.join(' '),
    resolution: Resolution[answer],
  };
  const preview = useQuery({
    queryKey: ['conflicts', asked],
    queryFn: () => callUnaryMethod(transport, integrationsApi.resolveConflicts, { ...asked, preview: true }),
    enabled: asked.rule !== '',
  });
  const resolve = useMutation(integrationsApi.resolveConflicts, { onSuccess: onDone });
  const { resolved = 0, rekeyed = 0, left = 0, decided = [] } = preview.data ?? {};
  return (
    <Stack>
      <Group align="flex-end">
        <Select
          label={t('conflicts.rule')}
          data={[...groups].map(([key, members]) => {
            const [kind = '', ...words] = key.split(' ');
            const what = t(`entity.${MappingEntityType[Number(kind)] as 'STUDENT'}`);
            return {
              value: key,
              label: `${t('conflicts.same', { rule: nameOf(words.join(' ')) })} · ${what} (${members.length})`,
            };
          })}
          value={group}
          onChange={(value) => value && setGroup(value)}
          allowDeselect={false}
          style={{ flex: '2 1 240px' }}
        />
        <Select
          label={t('conflicts.answer')}
          data={ANSWERS.map((value) => ({ value, label: t(`conflicts.answers.${value}`) }))}
          value={answer}
          onChange={(value) => value && setAnswer(value as 'LINK')}
          allowDeselect={false}
          style={{ flex: '1 1 160px' }}
        />
      </Group>
      <ErrorNote error={preview.error ?? resolve.error} />
      {preview.data && (
        <>
          <Text role="status">{t('conflicts.would', { resolved: resolved + rekeyed, left })}</Text>
          <List size="sm">
            {decided.slice(0, TOLD).map(({ conflictId, externalId, givenName, familyName }) => (
              <List.Item key={conflictId}>
                {givenName} {familyName} ({externalId})
              </List.Item>
            ))}
          </List>
          {decided.length > TOLD && (
            <Text size="sm">{t('conflicts.andMore', { count: resolved + rekeyed - TOLD })}</Text>
          )}
        </>
      )}
      <TextInput
        label={t('common.reason')}
        value={reason}
        onChange={({ currentTarget }) => setReason(currentTarget.value)}
        maxLength={1_000}
      />
      <Group justify="flex-end">
        <Button variant="default" onClick={onDone}>
          {t('common.cancel')}
        </Button>
        <Button
          disabled={resolved + rekeyed === 0}
          loading={resolve.isPending}
          onClick={() => resolve.mutate({ ...asked, preview: false, reason })}
        >
          {t('conflicts.decide', { count: resolved + rekeyed })}
        </Button>
      </Group>
    </Stack>
  );
}
