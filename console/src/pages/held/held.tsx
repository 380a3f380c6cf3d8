import { Anchor, Button, Card, Group, Loader, Stack, Text } from '@mantine/core';
import IconCircleCheck from '@tabler/icons-react/icons/IconCircleCheck';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useHeldRuns } from '../../api/held-runs.js';
import { placeOf, useIntegrations, zoneOf } from '../../api/integrations.js';
import { pathOf } from '../../api/runs.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { Page } from '../../ui/page.js';
import { ProviderLogo } from '../../ui/provider-logo.js';
import { entityOf } from '../../ui/run-list.js';
import { When } from '../../ui/when.js';
import { CrowdPicture } from '../run/crowd-picture.js';

/** All plans that wait for a person. */
function Held() {
  const { t } = useTranslation();
  const held = useHeldRuns();
  const integrations = useIntegrations().data ?? [];
  return (
    <Page title={t('nav.held')} lead={t('held.lead')}>
      <ErrorNote error={held.error} onRetry={() => void held.refetch()} />
      {held.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {held.data?.length === 0 && (
        <EmptyState Icon={IconCircleCheck} title={t('held.emptyTitle')} text={t('held.emptyText')}>
          <Button component={Link} to="/console" variant="default">
            {t('notFound.back')}
          </Button>
        </EmptyState>
      )}
      {held.data?.map((run) => {
        const owner = integrations.find(({ id }) => id === run.integrationId);
        return (
          <Card key={run.id} component="article">
            <Stack gap="md">
              <Group justify="space-between">
                <Group wrap="nowrap">
                  <ProviderLogo provider={run.provider} />
                  <div>
                    <Anchor component={Link} to={pathOf(run)} fw={650}>
                      {owner ? placeOf(owner) : run.provider} · {t(`entity.${entityOf(run)}`)}
                    </Anchor>
                    <Text size="sm" c="dimmed">
                      <When at={run.finishedAt} zone={owner && zoneOf(owner)} />
                    </Text>
                  </div>
                </Group>
                <Button component={Link} to={pathOf(run)}>
                  {t('held.decide')}
                </Button>
              </Group>
              <Text className="breakable">{run.error}</Text>
              <CrowdPicture run={run} />
            </Stack>
          </Card>
        );
      })}
    </Page>
  );
}

export const route = { Component: Held };
