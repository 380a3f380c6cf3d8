import { useMutation, useQuery } from '@connectrpc/connect-query';
import { EventDelivery_Status, type Subscription } from '@gen/smartid/integrations/v1/event_pb.js';
import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';
import { eventsApi } from '../../api/events-api.js';
import { Confirm } from '../../ui/confirm.js';

/** Removes a subscription, after saying how much it is not told then. */
export function RemoveSubscription({ subscription }: { subscription: Subscription }) {
  const { t } = useTranslation();
  const [isAsking, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button variant="subtle" color="red" c="var(--mantine-color-error)" onClick={open}>
        {t('subscriptions.remove')}
      </Button>
      {isAsking && <Asking subscription={subscription} onClose={close} />}
    </>
  );
}

function Asking({ subscription, onClose }: { subscription: Subscription; onClose: () => void }) {
  const { t, i18n } = useTranslation();
  const { institutionId, id, url } = subscription;
  const remove = useMutation(eventsApi.deleteSubscription, { onSuccess: onClose });
  const { data } = useQuery(eventsApi.listEventDeliveries, {
    institutionId,
    subscriptionId: id,
    status: EventDelivery_Status.WAITING,
    pageSize: 1_000,
  });
  const count = new Intl.NumberFormat(i18n.language).format(data?.deliveries.length ?? 0);
  const waiting = count + (data?.nextPageToken ? '+' : '');
  return (
    <Confirm
      title={t('subscriptions.removeTitle')}
      text={t('subscriptions.removeText', { url, waiting })}
      action={t('subscriptions.remove')}
      error={remove.error}
      isPending={remove.isPending}
      onDo={() => remove.mutate({ institutionId, id })}
      onClose={onClose}
    />
  );
}
