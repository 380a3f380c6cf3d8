import { useMutation, useQuery } from '@connectrpc/connect-query';
import { type SyncRun, SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Alert, Button, Card, Group, Loader, Stack, Text, Textarea, Title } from '@mantine/core';
import IconHandStop from '@tabler/icons-react/icons/IconHandStop';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { Dialog } from '../../ui/dialog.js';
import { ErrorNote } from '../../ui/error-note.js';
import { CrowdPicture } from './crowd-picture.js';

type Decision = 'approve' | 'rekey' | 'discard';

/** Why a plan waits, what it would do in numbers, and the two things that can be done with it. */
export function PlanDecision({ run, parts }: { run: SyncRun; parts: readonly SyncRun[] }) {
  const { t } = useTranslation();
  const [decision, setDecision] = useState<Decision>();
  const of = { id: run.integrationId, runId: run.id };
  const rekeys = useQuery(integrationsApi.listRekeys, { ...of, pageSize: 1 }).data?.totalCount ?? 0;
  const isHeld = run.status === SyncRun_Status.HELD;
  const shown = parts.length > 0 ? parts : [run];
  const reasons = isHeld ? shown.flatMap(({ error }) => error ?? []) : [];
  return (
    <Card style={{ borderColor: `var(--mantine-color-${isHeld ? 'orange' : 'grape'}-6)` }}>
      <Stack gap="md">
        <Group gap="sm" wrap="nowrap">
          <IconHandStop aria-hidden style={{ flex: 'none' }} />
          <Title order={2}>{t(isHeld ? 'plan.held' : 'plan.previewed')}</Title>
        </Group>
        {(reasons.length > 0 ? reasons : [run.error ?? '']).filter(Boolean).map((reason) => (
          <Text key={reason} fw={500} className="breakable">
            {reason}
          </Text>
        ))}
        <Text c="dimmed">{t('plan.text')}</Text>
        {shown.map((part) => (
          <CrowdPicture key={part.id} run={part} />
        ))}
        {rekeys > 0 && <Alert color="grape">{t('plan.rekeys', { count: rekeys })}</Alert>}
        <Group gap="sm">
          <Button onClick={() => setDecision('approve')}>{t('plan.approve')}</Button>
          {rekeys > 0 && (
            <Button color="grape.8" onClick={() => setDecision('rekey')}>
              {t('plan.approveRekey')}
            </Button>
          )}
          <Button variant="default" onClick={() => setDecision('discard')}>
            {t('plan.discard')}
          </Button>
        </Group>
      </Stack>
      {decision && (
        <Decide run={run} parts={shown} decision={decision} onClose={() => setDecision(undefined)} />
      )}
    </Card>
  );
}

interface DecideProps {
  run: SyncRun;
  parts: readonly SyncRun[];
  decision: Decision;
  onClose: () => void;
}

/** Asks for the reason, and says in numbers what will happen. */
function Decide({ run, parts, decision, onClose }: DecideProps) {
  const { t, i18n } = useTranslation();
  const [reason, setReason] = useState('');
  const approve = useMutation(integrationsApi.approveSync, { onSuccess: onClose });
  const discard = useMutation(integrationsApi.discardSync, { onSuccess: onClose });
  const isPending = approve.isPending || discard.isPending;
  const sum = (name: 'created' | 'updated' | 'deactivated' | 'missing') =>
    new Intl.NumberFormat(i18n.language).format(
      parts.reduce((total, { counts }) => total + (counts?.[name] ?? 0), 0),
    );
  const numbers = {
    created: sum('created'),
    updated: sum('updated'),
    deactivated: sum('deactivated'),
    missing: sum('missing'),
  };
  const of = { id: run.integrationId, runId: run.id, reason };
  const decide = () =>
    decision === 'discard' ? discard.mutate(of) : approve.mutate({ ...of, rekey: decision === 'rekey' });
  return (
    <Dialog onClose={onClose} title={t(`plan.${decision}Title`)}>
      <Stack>
        <Text>{decision === 'discard' ? t('plan.discardText') : t('plan.approveText', numbers)}</Text>
        <Textarea
          label={t('common.reason')}
          description={t('plan.reasonHelp')}
          value={reason}
          onChange={({ currentTarget }) => setReason(currentTarget.value)}
          maxLength={1_000}
          autosize
          minRows={2}
          required
          data-autofocus
        />
        <ErrorNote error={approve.error ?? discard.error} />
        <Group justify="flex-end">
          {isPending && <Loader size="sm" role="img" aria-label={t('common.loading')} />}
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button disabled={reason.trim() === ''} loading={isPending} onClick={decide}>
            {t(`plan.${decision}Do`)}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
