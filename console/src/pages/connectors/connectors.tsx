import type { Provider } from '@gen/smartid/integrations/v1/integration_pb.js';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { Button, Card, Group, List, Loader, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useIntegrations, useProviders, useProviderTitle } from '../../api/integrations.js';
import { ErrorNote } from '../../ui/error-note.js';
import { Page } from '../../ui/page.js';
import { ProviderLogo } from '../../ui/provider-logo.js';

/** What this service can connect to, and what each connector is able to do. */
function Connectors() {
  const { t } = useTranslation();
  const providers = useProviders();
  return (
    <Page title={t('nav.connectors')} lead={t('connectors.lead')}>
      <ErrorNote error={providers.error} onRetry={() => void providers.refetch()} />
      {providers.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {providers.data?.map((provider) => (
          <ConnectorCard key={provider.provider} provider={provider} />
        ))}
      </SimpleGrid>
    </Page>
  );
}

function ConnectorCard({ provider }: { provider: Provider }) {
  const { t, i18n } = useTranslation();
  const titleOf = useProviderTitle();
  const used = (useIntegrations().data ?? []).filter(
    (integration) => integration.provider === provider.provider,
  ).length;
  const named = (types: readonly MappingEntityType[]) =>
    new Intl.ListFormat(i18n.language).format(
      types.map((type) =>
        t(`entity.${MappingEntityType[type] as 'COURSE' | 'GROUP' | 'STUDENT' | 'TEACHER'}`),
      ),
    );
  return (
    <Card component="article" aria-label={titleOf(provider.provider)}>
      <Stack h="100%">
        <Group wrap="nowrap">
          <ProviderLogo provider={provider.provider} size={48} />
          <div>
            <Title order={2}>{titleOf(provider.provider)}</Title>
            <Text size="sm" c="dimmed">
              {t('connectors.used', { count: used })}
            </Text>
          </div>
        </Group>
        <List spacing={6} size="sm">
          <List.Item>{t('connectors.reads', { what: named(provider.syncedEntityTypes) })}</List.Item>
          <List.Item>{t(provider.sendsAttendance ? 'connectors.sends' : 'connectors.sendsNot')}</List.Item>
          <List.Item>
            {provider.singleEntityTypes.length > 0
              ? t('connectors.single', { what: named(provider.singleEntityTypes) })
              : t('connectors.whole')}
          </List.Item>
        </List>
        <Button
          component={Link}
          to={`/console/connect?step=settings&provider=${provider.provider}`}
          variant="default"
          mt="auto"
          style={{ alignSelf: 'flex-start' }}
        >
          {t('connectors.connect')}
        </Button>
      </Stack>
    </Card>
  );
}

export const route = { Component: Connectors };
