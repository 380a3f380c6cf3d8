import { timestampDate } from '@bufbuild/protobuf/wkt';
import { useMutation, useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import type { WebhookSecret } from '@gen/smartid/integrations/v1/webhook_pb.js';
import { Button, Card, Code, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { webhooksApi } from '../../api/webhooks-api.js';
import { Confirm } from '../../ui/confirm.js';
import { ErrorNote } from '../../ui/error-note.js';
import { RotateSecret } from '../../ui/rotate-secret.js';
import { SecretOnce } from '../../ui/secret-once.js';
import { When } from '../../ui/when.js';
import { ReceivedWebhooks } from './received-webhooks.js';

/** What the school's system tells by itself: with which secrets, where to, and what came in. */
export function Webhooks({ integration, zone }: { integration: Integration; zone: string }) {
  const { t } = useTranslation();
  return (
    <Stack gap="lg">
      <Card>
        <Stack gap="xs">
          <Title order={2}>{t('webhooks.address')}</Title>
          <Text c="dimmed">{t('webhooks.addressText')}</Text>
          <Code className="breakable">{`${window.location.origin}/integrations/${integration.id}/webhooks`}</Code>
        </Stack>
      </Card>
      <Secrets id={integration.id} zone={zone} />
      <Title order={2}>{t('webhooks.received')}</Title>
      <ReceivedWebhooks id={integration.id} zone={zone} />
    </Stack>
  );
}

function Secrets({ id, zone }: { id: string; zone: string }) {
  const { t } = useTranslation();
  const [secret, setSecret] = useState('');
  const found = useQuery(webhooksApi.listWebhookSecrets, { id });
  const create = useMutation(webhooksApi.createWebhookSecret, {
    onSuccess: (made) => setSecret(made.secret),
  });
  const rotate = useMutation(webhooksApi.rotateWebhookSecret, {
    onSuccess: (made) => setSecret(made.secret),
  });
  const secrets = found.data?.webhookSecrets ?? [];
  return (
    <Card>
      <Stack>
        <Title order={2}>{t('webhooks.secrets')}</Title>
        <Text c="dimmed">{t('webhooks.secretsText')}</Text>
        <ErrorNote error={found.error ?? create.error} onRetry={() => void found.refetch()} />
        {found.isPending && <Loader role="img" aria-label={t('common.loading')} />}
        {found.isSuccess && secrets.length === 0 && <Text>{t('webhooks.noSecrets')}</Text>}
        {secret && <SecretOnce secret={secret} onDone={() => setSecret('')} />}
        {secrets.map((one) => (
          <SecretRow key={one.id} secret={one} zone={zone} />
        ))}
        <Group>
          <Button loading={create.isPending} onClick={() => create.mutate({ id })}>
            {t('webhooks.create')}
          </Button>
          {secrets.length > 0 && (
            <RotateSecret
              label={t('webhooks.rotate')}
              text={t('webhooks.rotateText')}
              error={rotate.error}
              isPending={rotate.isPending}
              onRotate={(overlapSeconds, done) => rotate.mutate({ id, overlapSeconds }, { onSuccess: done })}
            />
          )}
        </Group>
      </Stack>
    </Card>
  );
}

function SecretRow({ secret, zone }: { secret: WebhookSecret; zone: string }) {
  const { t, i18n } = useTranslation();
  const [isAsking, setIsAsking] = useState(false);
  const remove = useMutation(webhooksApi.deleteWebhookSecret);
  const { integrationId, id, createdAt, expiresAt } = secret;
  const when = createdAt ? timestampDate(createdAt).toLocaleString(i18n.language, { timeZone: zone }) : '';
  return (
    <Group justify="space-between" gap="xs">
      <div>
        <Text size="sm" fw={600}>
          {t('webhooks.made')} <When at={createdAt} zone={zone} />
        </Text>
        <Text size="sm" c="dimmed">
          {expiresAt ? (
            <>
              {t('webhooks.until')} <When at={expiresAt} zone={zone} />
            </>
          ) : (
            t('webhooks.good')
          )}
        </Text>
      </div>
      <Button
        variant="subtle"
        size="xs"
        color="red"
        c="var(--mantine-color-error)"
        aria-label={t('webhooks.removeOf', { when })}
        onClick={() => setIsAsking(true)}
      >
        {t('webhooks.remove')}
      </Button>
      {isAsking && (
        <Confirm
          title={t('webhooks.removeTitle')}
          text={t('webhooks.removeText')}
          action={t('webhooks.remove')}
          error={remove.error}
          isPending={remove.isPending}
          onDo={() =>
            remove.mutate({ id: integrationId, secretId: id }, { onSuccess: () => setIsAsking(false) })
          }
          onClose={() => setIsAsking(false)}
        />
      )}
    </Group>
  );
}
