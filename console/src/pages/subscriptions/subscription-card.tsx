import { useMutation } from '@connectrpc/connect-query';
import type { Subscription } from '@gen/smartid/integrations/v1/event_pb.js';
import { Alert, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { eventsApi } from '../../api/events-api.js';
import { ErrorNote } from '../../ui/error-note.js';
import { useEventName } from '../../ui/event-name.js';
import { RotateSecret } from '../../ui/rotate-secret.js';
import { SecretOnce } from '../../ui/secret-once.js';
import { StateBadge } from '../../ui/status-badge.js';
import { When } from '../../ui/when.js';
import { EventDeliveries } from './event-deliveries.js';
import { RemoveSubscription } from './remove-subscription.js';
import { SubscriptionForm } from './subscription-form.js';

/** One who is told: of what, how that goes, and everything that can be done about it. */
export function SubscriptionCard({ subscription, zone }: { subscription: Subscription; zone: string }) {
  const { t } = useTranslation();
  const nameOf = useEventName();
  const [isEdited, setIsEdited] = useState(false);
  const [isOpen, setIsOpen] = useState(false);
  const { url, description, types, enabled, disabledReason, failingSince, oldSecretUntil } = subscription;
  const told = types.length === 0 ? t('subscriptions.allTypes') : types.map(nameOf).join(', ');
  return (
    <Card component="article" aria-label={description || url}>
      <Stack>
        <Group justify="space-between" align="flex-start">
          <div style={{ minWidth: 0 }}>
            <Title order={2} className="breakable">
              {description || url}
            </Title>
            {description && (
              <Text size="sm" className="breakable">
                {url}
              </Text>
            )}
            <Text size="sm" c="dimmed">
              {told}
            </Text>
          </div>
          <StateBadge
            color={enabled ? (failingSince ? 'orange' : 'green') : 'gray'}
            label={t(enabled ? 'subscriptions.on' : 'subscriptions.off')}
          />
        </Group>
        {disabledReason && <Alert color="orange">{disabledReason}</Alert>}
        {enabled && failingSince && (
          <Alert color="orange">
            {t('subscriptions.failing')} <When at={failingSince} zone={zone} />
          </Alert>
        )}
        {oldSecretUntil && (
          <Text size="sm" c="dimmed">
            {t('subscriptions.oldUntil')} <When at={oldSecretUntil} zone={zone} />
          </Text>
        )}
        {isEdited ? (
          <Edit subscription={subscription} onDone={() => setIsEdited(false)} />
        ) : (
          <Actions subscription={subscription} onEdit={() => setIsEdited(true)} />
        )}
        <Group>
          <Button
            variant="subtle"
            size="compact-sm"
            aria-expanded={isOpen}
            onClick={() => setIsOpen(!isOpen)}
          >
            {t(isOpen ? 'subscriptions.hideDeliveries' : 'subscriptions.showDeliveries')}
          </Button>
        </Group>
        {isOpen && <EventDeliveries subscription={subscription} zone={zone} />}
      </Stack>
    </Card>
  );
}

function Edit({ subscription, onDone }: { subscription: Subscription; onDone: () => void }) {
  const { t } = useTranslation();
  const { institutionId, id } = subscription;
  const update = useMutation(eventsApi.updateSubscription, { onSuccess: onDone });
  return (
    <SubscriptionForm
      subscription={subscription}
      action={t('common.save')}
      error={update.error}
      isPending={update.isPending}
      onSubmit={(said) => update.mutate({ institutionId, id, ...said })}
      onCancel={onDone}
    />
  );
}

function Actions({ subscription, onEdit }: { subscription: Subscription; onEdit: () => void }) {
  const { t } = useTranslation();
  const { institutionId, id, enabled } = subscription;
  const [secret, setSecret] = useState('');
  const test = useMutation(eventsApi.testSubscription);
  const update = useMutation(eventsApi.updateSubscription);
  const rotate = useMutation(eventsApi.rotateSubscriptionSecret, {
    onSuccess: (made) => setSecret(made.secret),
  });
  return (
    <>
      {secret && <SecretOnce secret={secret} onDone={() => setSecret('')} />}
      <Group gap="sm">
        <Button variant="default" loading={test.isPending} onClick={() => test.mutate({ institutionId, id })}>
          {t('subscriptions.test')}
        </Button>
        <Button variant="default" onClick={onEdit}>
          {t('subscriptions.edit')}
        </Button>
        <RotateSecret
          label={t('subscriptions.rotate')}
          text={t('subscriptions.rotateText')}
          error={rotate.error}
          isPending={rotate.isPending}
          onRotate={(overlapSeconds, done) =>
            rotate.mutate({ institutionId, id, overlapSeconds }, { onSuccess: done })
          }
        />
        <Button
          variant="default"
          loading={update.isPending}
          onClick={() => update.mutate({ institutionId, id, enabled: !enabled })}
        >
          {t(enabled ? 'subscriptions.disable' : 'subscriptions.enable')}
        </Button>
        <RemoveSubscription subscription={subscription} />
      </Group>
      {test.data && (
        <Alert
          color={test.data.success ? 'green' : 'red'}
          role="status"
          title={t(test.data.success ? 'subscriptions.testGood' : 'subscriptions.testBad')}
        >
          {test.data.message}
        </Alert>
      )}
      <ErrorNote error={test.error ?? update.error} />
    </>
  );
}
