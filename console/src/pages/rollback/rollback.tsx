import { useMutation } from '@connectrpc/connect-query';
import type { RollbackSyncResponse } from '@gen/smartid/integrations/v1/integration_service_pb.js';
import { SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Alert, Button, Card, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { integrationsApi } from '../../api/clients.js';
import { pathOf } from '../../api/runs.js';
import { CountsBar } from '../../ui/counts-bar.js';
import { ErrorNote } from '../../ui/error-note.js';
import { Page } from '../../ui/page.js';
import { Changes } from '../run/changes.js';

/** Takes a run back: first what that would do, then just that. */
function Rollback() {
  const { t } = useTranslation();
  const { id = '', runId = '' } = useParams();
  const preview = useMutation(integrationsApi.rollbackSync);
  const back = pathOf({ integrationId: id, id: runId });
  return (
    <Page
      title={t('rollback.title')}
      lead={t('rollback.lead')}
      trail={[
        { label: t('nav.overview'), to: '/console' },
        { label: t('run.title'), to: back },
      ]}
    >
      {!preview.data && (
        <Card>
          <Stack align="flex-start">
            <Text>{t('rollback.previewText')}</Text>
            <Group>
              <Button
                loading={preview.isPending}
                onClick={() => preview.mutate({ id, runId, preview: true })}
              >
                {t('rollback.preview')}
              </Button>
              {preview.isPending && <Loader size="sm" role="img" aria-label={t('common.loading')} />}
            </Group>
            <ErrorNote error={preview.error} />
          </Stack>
        </Card>
      )}
      {preview.data && <Previewed response={preview.data} />}
    </Page>
  );
}

function Previewed({ response }: { response: RollbackSyncResponse }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const approve = useMutation(integrationsApi.approveSync);
  const discard = useMutation(integrationsApi.discardSync);
  const { run } = response;
  if (!run) return null;
  const of = { id: run.integrationId, runId: run.id };
  const { failed = 0, created = 0, updated = 0, deactivated = 0 } = run.counts ?? {};
  const number = new Intl.NumberFormat(i18n.language);
  const isOpen = run.status === SyncRun_Status.PREVIEWED || run.status === SyncRun_Status.HELD;
  const shown = response.parts.length > 0 ? response.parts.map(({ runId }) => runId) : [run.id];
  return (
    <>
      <Card>
        <Stack>
          <Title order={2}>{t('rollback.wouldDo')}</Title>
          <CountsBar counts={run.counts} label={t('rollback.wouldDo')} />
          {failed > 0 && <Alert color="orange">{t('rollback.refused', { count: failed })}</Alert>}
          <Text>
            {t('rollback.confirm', {
              changes: number.format(created + updated + deactivated),
              refused: number.format(failed),
            })}
          </Text>
          <ErrorNote error={approve.error ?? discard.error} />
          <Group>
            <Button
              color="red.8"
              disabled={!isOpen}
              loading={approve.isPending}
              onClick={() => approve.mutate(of, { onSuccess: () => navigate(pathOf(run)) })}
            >
              {t('rollback.do')}
            </Button>
            <Button
              variant="default"
              loading={discard.isPending}
              onClick={() =>
                discard.mutate(of, {
                  onSuccess: () => navigate(`/console/integrations/${run.integrationId}`),
                })
              }
            >
              {t('rollback.leave')}
            </Button>
            <Button component={Link} to={pathOf(run)} variant="subtle">
              {t('connect.details')}
            </Button>
          </Group>
        </Stack>
      </Card>
      {shown.map((runId) => (
        <Changes key={runId} of={{ id: run.integrationId, runId }} institutionId={run.institutionId} />
      ))}
    </>
  );
}

export const route = { Component: Rollback };
