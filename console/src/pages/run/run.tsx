import { useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { type SyncRun, SyncRun_Kind, SyncRun_Status } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Alert, Button, Card, Loader, Stack, Tabs, Title } from '@mantine/core';
import IconArrowBackUp from '@tabler/icons-react/icons/IconArrowBackUp';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { integrationsApi } from '../../api/clients.js';
import { placeOf, useIntegration, zoneOf } from '../../api/integrations.js';
import { LIVELY } from '../../api/query-client.js';
import { isPlan, isUnderWay, pathOf } from '../../api/runs.js';
import { useWatchedRun, type WatchedRun } from '../../api/watch-run.js';
import { CountsBar } from '../../ui/counts-bar.js';
import { ErrorNote } from '../../ui/error-note.js';
import { Page } from '../../ui/page.js';
import { entityOf, kindOf } from '../../ui/run-list.js';
import { RunProgress } from '../../ui/run-progress.js';
import { RunBadge } from '../../ui/status-badge.js';
import { CancelRun } from './cancel-run.js';
import { Changes } from './changes.js';
import { Issues } from './issues.js';
import { PlanDecision } from './plan-decision.js';
import { RunFacts } from './run-facts.js';

/** One run: how it goes, what it did or would do, and what was not right. */
function Run({ id, runId }: { id: string; runId: string }) {
  const { t } = useTranslation();
  const integration = useIntegration(id).data;
  // WatchSync leaves out until when the run can be taken back.
  const asked = useQuery(integrationsApi.getSyncRun, { id, runId }, LIVELY);
  const watched = useWatchedRun(id, runId, asked.data?.run?.status);
  const run = watched.run ?? asked.data?.run;
  const title = run
    ? t('run.name', { kind: kindOf(run, t), what: t(`entity.${entityOf(run)}`) })
    : t('run.title');
  return (
    <Page
      title={title}
      badge={run && <RunBadge status={run.status} />}
      trail={[
        { label: t('nav.overview'), to: '/console' },
        { label: integration ? placeOf(integration) : '…', to: `/console/integrations/${id}` },
      ]}
      actions={run && <Actions run={run} asked={asked.data?.run} />}
    >
      <ErrorNote
        error={watched.error ?? (run ? undefined : asked.error)}
        onRetry={() => void asked.refetch()}
      />
      {!run && !asked.error && <Loader role="img" aria-label={t('common.loading')} />}
      {run && <Told run={run} watched={watched} integration={integration} />}
    </Page>
  );
}

function Actions({ run, asked }: { run: SyncRun; asked: SyncRun | undefined }) {
  const { t } = useTranslation();
  if (isUnderWay(run)) return <CancelRun run={run} />;
  const canGoBack = run.status === SyncRun_Status.COMPLETED && asked?.rollbackUntil !== undefined;
  if (!canGoBack) return null;
  return (
    <Button
      component={Link}
      to={`${pathOf(run)}/rollback`}
      variant="default"
      leftSection={<IconArrowBackUp size={18} aria-hidden />}
    >
      {t('rollback.open')}
    </Button>
  );
}

interface ToldProps {
  run: SyncRun;
  watched: WatchedRun;
  integration: Integration | undefined;
}

function Told({ run, watched, integration }: ToldProps) {
  const { t } = useTranslation();
  const underWay = isUnderWay(run);
  return (
    <>
      {isPlan(run) && <PlanDecision run={run} parts={watched.parts} />}
      {run.error && run.status === SyncRun_Status.FAILED && (
        <Alert color="red" title={t('run.failed')}>
          {run.error}
        </Alert>
      )}
      <Card>
        <Stack gap="lg">
          <Title order={2}>{t(underWay ? 'run.progress' : 'run.result')}</Title>
          {underWay || watched.parts.length > 0 || watched.isLost ? (
            <RunProgress {...watched} run={run} />
          ) : (
            <CountsBar counts={run.counts} label={t('run.result')} />
          )}
          {!underWay && (run.membershipCounts?.read ?? 0) > 0 && (
            <Stack gap={6}>
              <Title order={3} fz="sm">
                {t('run.memberships')}
              </Title>
              <CountsBar counts={run.membershipCounts} label={t('run.memberships')} />
            </Stack>
          )}
          <RunFacts run={run} zone={zoneOf(integration)} />
        </Stack>
      </Card>
      {!underWay && <Lists run={run} parts={watched.parts} institutionId={run.institutionId} />}
    </>
  );
}

/** Changes and issues; of a run of everything, those of its parts. */
function Lists({
  run,
  parts,
  institutionId,
}: {
  run: SyncRun;
  parts: readonly SyncRun[];
  institutionId: string;
}) {
  const { t } = useTranslation();
  const runs = parts.length > 0 ? parts : [run];
  const [chosen, setChosen] = useState<string>();
  // What a person has to look at comes before what was not right.
  const fallback =
    runs.find(({ status }) => status === SyncRun_Status.HELD) ??
    runs.find(({ counts }) => (counts?.failed ?? 0) > 0) ??
    runs[0];
  const shown = runs.find(({ id }) => id === chosen) ?? fallback;
  if (!shown) return null;
  const of = { id: shown.integrationId, runId: shown.id };
  const issues = (shown.counts?.failed ?? 0) + (shown.counts?.warnings ?? 0);
  return (
    <Stack gap="md">
      {runs.length > 1 && (
        <Tabs value={shown.id} onChange={(value) => setChosen(value ?? undefined)} variant="pills">
          <Tabs.List aria-label={t('run.parts')}>
            {runs.map((part) => (
              <Tabs.Tab key={part.id} value={part.id} tt="capitalize">
                {t(`entity.${entityOf(part)}`)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
        </Tabs>
      )}
      <Tabs
        key={shown.id}
        defaultValue={issues > 0 && !isPlan(run) ? 'issues' : 'changes'}
        keepMounted={false}
      >
        <Tabs.List>
          <Tabs.Tab value="changes">{t(isPlan(run) ? 'run.planned' : 'run.changes')}</Tabs.Tab>
          {run.kind !== SyncRun_Kind.ROLLBACK && (
            <Tabs.Tab value="issues">{t('run.issues', { count: issues })}</Tabs.Tab>
          )}
        </Tabs.List>
        <Tabs.Panel value="changes" pt="md">
          <Changes of={of} institutionId={institutionId} dropped={run.changesDroppedAt !== undefined} />
        </Tabs.Panel>
        <Tabs.Panel value="issues" pt="md">
          <Issues of={of} failed={shown.counts?.failed ?? 0} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

/** Another run is another page. */
function OfAddress() {
  const { id = '', runId = '' } = useParams();
  return <Run key={runId} id={id} runId={runId} />;
}

export const route = { Component: OfAddress };
