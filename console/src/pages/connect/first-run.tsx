import { useMutation } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { type SyncRun, SyncRun_Kind, SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Alert, Button, Group, Stack, Text, Title } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { integrationsApi } from '../../api/clients.js';
import { isUnderWay, pathOf } from '../../api/runs.js';
import { useWatchedRun } from '../../api/watch-run.js';
import { ErrorNote } from '../../ui/error-note.js';
import { RunProgress } from '../../ui/run-progress.js';

interface FirstRunProps {
  integration: Integration;
  isPreview?: boolean;
  onDone?: () => void;
}

/** The first preview, or the first sync, from its start to its end. */
export function FirstRun({ integration, isPreview = false, onDone }: FirstRunProps) {
  const { t } = useTranslation();
  const { mutate, data, error } = useMutation(integrationsApi.startSync);
  const isStarted = useRef(false);
  useEffect(() => {
    if (isStarted.current) return;
    isStarted.current = true;
    mutate({
      id: integration.id,
      entityType: MappingEntityType.ALL,
      kind: isPreview ? SyncRun_Kind.PREVIEW : SyncRun_Kind.SYNC,
    });
  }, [integration.id, isPreview, mutate]);
  return (
    <Stack gap="lg">
      <Title order={2}>{t(isPreview ? 'connect.step.preview' : 'connect.step.sync')}</Title>
      <Text c="dimmed">{t(isPreview ? 'connect.previewText' : 'connect.syncText')}</Text>
      <ErrorNote error={error} />
      {data?.run && <Watched run={data.run} isPreview={isPreview} onDone={onDone} />}
    </Stack>
  );
}

function Watched({
  run,
  isPreview,
  onDone,
}: {
  run: SyncRun;
  isPreview: boolean;
  onDone: (() => void) | undefined;
}) {
  const { t } = useTranslation();
  const watched = useWatchedRun(run.integrationId, run.id);
  const hasEnded = watched.run !== undefined && !isUnderWay(watched.run);
  const went = watched.run?.status;
  const isGood = went === SyncRun_Status.COMPLETED || went === SyncRun_Status.PREVIEWED;
  return (
    <Stack gap="lg">
      <RunProgress {...watched} />
      <ErrorNote error={watched.error} />
      {hasEnded && (
        <>
          {watched.run?.error && <Alert color="orange">{watched.run.error}</Alert>}
          {isGood && !isPreview && (
            <Alert color="green" title={t('connect.done')}>
              {t('connect.doneText')}
            </Alert>
          )}
          <Group justify="space-between">
            <Button component={Link} to={pathOf(run)} variant="default">
              {t('connect.details')}
            </Button>
            {isPreview ? (
              <Button onClick={onDone}>{t('connect.startSync')}</Button>
            ) : (
              <Button component={Link} to={`/console/integrations/${run.integrationId}`}>
                {t('connect.open')}
              </Button>
            )}
          </Group>
        </>
      )}
    </Stack>
  );
}
