import { useInfiniteQuery, useMutation } from '@connectrpc/connect-query';
import { Button, Card, Group, Loader, Stack, Title } from '@mantine/core';
import IconBroadcast from '@tabler/icons-react/icons/IconBroadcast';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { eventsApi } from '../../api/events-api.js';
import { useInstitution } from '../../api/institutions.js';
import { LIVELY_AT_TOP } from '../../api/query-client.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { InstitutionSelect } from '../../ui/institution-select.js';
import { Page } from '../../ui/page.js';
import { SecretOnce } from '../../ui/secret-once.js';
import { SubscriptionCard } from './subscription-card.js';
import { SubscriptionForm } from './subscription-form.js';

/** Who is told of what happens in an institution. */
function Subscriptions() {
  const { t } = useTranslation();
  const { institutionId, zone, choose } = useInstitution();
  return (
    <Page title={t('nav.subscriptions')} lead={t('subscriptions.lead')}>
      <Group align="flex-end">
        <InstitutionSelect value={institutionId} onChange={choose} />
      </Group>
      {institutionId ? (
        <OfInstitution key={institutionId} institutionId={institutionId} zone={zone} />
      ) : (
        <EmptyState Icon={IconBroadcast} title={t('overview.emptyTitle')} text={t('overview.emptyText')}>
          <Button component={Link} to="/console/connect">
            {t('connect.title')}
          </Button>
        </EmptyState>
      )}
    </Page>
  );
}

function OfInstitution({ institutionId, zone }: { institutionId: string; zone: string }) {
  const { t } = useTranslation();
  const [isAdding, setIsAdding] = useState(false);
  const [secret, setSecret] = useState('');
  const found = useInfiniteQuery(
    eventsApi.listSubscriptions,
    { institutionId, pageSize: 100, pageToken: '' },
    {
      pageParamKey: 'pageToken',
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      ...LIVELY_AT_TOP,
    },
  );
  const create = useMutation(eventsApi.createSubscription, {
    onSuccess: (made) => {
      setSecret(made.secret);
      setIsAdding(false);
    },
  });
  const subscriptions = found.data?.pages.flatMap((page) => page.subscriptions) ?? [];
  const add = <Button onClick={() => setIsAdding(true)}>{t('subscriptions.add')}</Button>;
  return (
    <Stack gap="lg">
      <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      {found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {secret && <SecretOnce secret={secret} onDone={() => setSecret('')} />}
      {isAdding ? (
        <Card>
          <Stack>
            <Title order={2}>{t('subscriptions.add')}</Title>
            <SubscriptionForm
              action={t('subscriptions.create')}
              error={create.error}
              isPending={create.isPending}
              onSubmit={(said) => create.mutate({ institutionId, ...said })}
              onCancel={() => setIsAdding(false)}
            />
          </Stack>
        </Card>
      ) : found.isSuccess && subscriptions.length === 0 ? (
        <EmptyState
          Icon={IconBroadcast}
          title={t('subscriptions.emptyTitle')}
          text={t('subscriptions.emptyText')}
        >
          {add}
        </EmptyState>
      ) : (
        <Group>{found.isSuccess && add}</Group>
      )}
      {subscriptions.map((subscription) => (
        <SubscriptionCard key={subscription.id} subscription={subscription} zone={zone} />
      ))}
      {found.hasNextPage && (
        <Button variant="default" onClick={() => void found.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
    </Stack>
  );
}

export const route = { Component: Subscriptions };
