import { useMutation, useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Button, Card, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { integrationsApi } from '../../api/clients.js';
import { LIVELY } from '../../api/query-client.js';
import { ConnectionTest } from '../../ui/connection-test.js';
import { ErrorNote } from '../../ui/error-note.js';
import { When } from '../../ui/when.js';

interface StatusProps {
  integration: Integration;
  zone: string;
  /** Its latest runs. */
  children: ReactNode;
}

/** The figures of a school, a test of its connection, and its runs. */
export function Status({ integration, zone, children }: StatusProps) {
  const { t, i18n } = useTranslation();
  const { id } = integration;
  const logs = useQuery(integrationsApi.getSyncLogs, { id }, LIVELY).data;
  const conflicts = useQuery(integrationsApi.listConflicts, { id, pageSize: 1_000 }).data;
  const test = useMutation(integrationsApi.testConnection);
  const number = new Intl.NumberFormat(i18n.language);
  const waiting = number.format(conflicts?.conflicts.length ?? 0) + (conflicts?.nextPageToken ? '+' : '');
  return (
    <Stack gap="lg">
      <Card>
        <SimpleGrid cols={{ base: 2, md: 4 }}>
          <Figure label={t('overview.lastSync')}>
            <When at={integration.lastSyncAt} zone={zone} none={t('overview.never')} />
          </Figure>
          <Figure label={t('status.mappings')}>{number.format(logs?.mappingCount ?? 0)}</Figure>
          <Figure label={t('nav.conflicts')}>
            <Group gap="xs">
              {waiting}
              {waiting !== '0' && (
                <Button component={Link} to={`/console/conflicts/${id}`} size="compact-xs" variant="light">
                  {t('status.decide')}
                </Button>
              )}
            </Group>
          </Figure>
          <Figure label={t('connect.institution')}>
            <Text size="sm" ff="monospace" className="breakable">
              {integration.institutionId}
            </Text>
          </Figure>
        </SimpleGrid>
      </Card>
      <Card>
        <Stack>
          <Group justify="space-between">
            <Title order={2}>{t('status.connection')}</Title>
            <Button variant="default" loading={test.isPending} onClick={() => test.mutate({ id })}>
              {t('status.test')}
            </Button>
          </Group>
          {test.data && !test.isPending ? (
            <ConnectionTest result={test.data} />
          ) : (
            <Text c="dimmed">{t('status.testText')}</Text>
          )}
          <ErrorNote error={test.error} />
        </Stack>
      </Card>
      <Title order={2}>{t('overview.runs')}</Title>
      {children}
    </Stack>
  );
}

function Figure({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Text fw={600} component="div" className="numbers">
        {children}
      </Text>
    </div>
  );
}
