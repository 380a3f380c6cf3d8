import { createClient } from '@connectrpc/connect';
import { type SyncIssue, SyncIssue_Severity } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Accordion, Alert, Badge, Button, Card, Group, Loader, Stack, Text } from '@mantine/core';
import IconDownload from '@tabler/icons-react/icons/IconDownload';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { IntegrationService } from '../../api/clients.js';
import { type OfRun, useIssues } from '../../api/run-lists.js';
import { transport } from '../../api/transport.js';
import { ErrorNote } from '../../ui/error-note.js';
import { StateBadge } from '../../ui/status-badge.js';
import { VirtualList } from '../../ui/virtual-list.js';

const client = createClient(IntegrationService, transport);

/** What was not right in the source, by the rule that was broken, and the rows to correct. */
export function Issues({ of, failed }: { of: OfRun; failed: number }) {
  const { t } = useTranslation();
  const issues = useIssues(of);
  const byRule = Map.groupBy(issues.items, ({ rule }) => rule);
  if (issues.isPending) return <Loader role="img" aria-label={t('common.loading')} />;
  if (issues.isSuccess && issues.items.length === 0) return <Alert color="green">{t('issues.none')}</Alert>;
  return (
    <Stack gap="md">
      <ErrorNote error={issues.error} onRetry={() => void issues.refetch()} />
      {failed > 0 && <Download of={of} failed={failed} />}
      <Accordion variant="separated" multiple defaultValue={[...byRule.keys()].slice(0, 1)}>
        {[...byRule].map(([rule, found]) => (
          <Accordion.Item key={rule} value={rule}>
            <Accordion.Control>
              <Group gap="sm">
                <SeverityBadge severity={found[0]?.severity} />
                <Text fw={600} className="breakable">
                  {rule}
                </Text>
                <Badge variant="default" aria-label={t('issues.count', { count: found.length })}>
                  {found.length}
                </Badge>
              </Group>
            </Accordion.Control>
            <Accordion.Panel>
              <VirtualList
                items={found}
                keyOf={({ number }) => number}
                render={(issue) => <IssueRow issue={issue} />}
                estimate={84}
                label={rule}
                hasMore={false}
                isLoading={false}
                loadMore={() => {}}
              />
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
      {issues.hasNextPage && (
        <Button
          variant="default"
          loading={issues.isFetchingNextPage}
          onClick={() => void issues.fetchNextPage()}
        >
          {t('common.more')}
        </Button>
      )}
    </Stack>
  );
}

function SeverityBadge({ severity }: { severity: SyncIssue_Severity | undefined }) {
  const { t } = useTranslation();
  const isError = severity === SyncIssue_Severity.ERROR;
  return (
    <StateBadge color={isError ? 'red' : 'yellow'} label={t(isError ? 'issues.error' : 'issues.warning')} />
  );
}

function IssueRow({ issue }: { issue: SyncIssue }) {
  const { t } = useTranslation();
  const where = [
    issue.file,
    issue.line !== undefined && t('issues.line', { line: issue.line }),
    issue.column,
    issue.externalId && t('issues.id', { id: issue.externalId }),
  ].filter(Boolean);
  return (
    <Stack gap={2} py="xs" style={{ borderTop: '1px solid var(--mantine-color-default-border)' }}>
      <Text size="sm" className="breakable">
        {issue.message}
      </Text>
      <Text size="sm" c="dimmed" className="breakable">
        {where.join(' · ')}
        {issue.value !== undefined && <> · «{issue.value}»</>}
      </Text>
      {issue.hint && (
        <Text size="sm" fw={600} className="breakable">
          {issue.hint}
        </Text>
      )}
    </Stack>
  );
}

/** The rows that failed, as the file they came in. */
function Download({ of, failed }: { of: OfRun; failed: number }) {
  const { t } = useTranslation();
  const download = useMutation({
    mutationFn: () => client.exportSyncIssues(of),
    onSuccess: ({ file, fileName }) => {
      const blob = new Blob([new Uint8Array(file?.data ?? [])], { type: file?.contentType ?? 'text/csv' });
      const url = URL.createObjectURL(blob);
      Object.assign(document.createElement('a'), { href: url, download: fileName }).click();
      URL.revokeObjectURL(url);
    },
  });
  return (
    <Card>
      <Group justify="space-between">
        <Text style={{ flex: '1 1 300px' }}>{t('issues.exportText', { count: failed })}</Text>
        <Button
          leftSection={<IconDownload size={18} aria-hidden />}
          loading={download.isPending}
          onClick={() => download.mutate()}
        >
          {t('issues.export')}
        </Button>
      </Group>
      <ErrorNote error={download.error} />
    </Card>
  );
}
