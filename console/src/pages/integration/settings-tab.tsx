import type { JsonObject } from '@bufbuild/protobuf';
import { useMutation, useQuery } from '@connectrpc/connect-query';
import { type Integration, Integration_Status } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Badge, Button, Card, Group, Loader, Modal, Stack, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { integrationsApi } from '../../api/clients.js';
import { patchOf, placeOf, useProviders } from '../../api/integrations.js';
import { ErrorNote } from '../../ui/error-note.js';
import { SavedNote } from '../../ui/saved-note.js';
import { SchemaForm } from '../../ui/schema-form/index.js';
import { Upload } from './upload.js';

/** Where the school's system is, its secrets, and switching it off. */
export function SettingsTab({ integration }: { integration: Integration }) {
  const { t } = useTranslation();
  const provider = useProviders().data?.find((known) => known.provider === integration.provider);
  const [config, setConfig] = useState<JsonObject>(integration.config ?? {});
  const update = useMutation(integrationsApi.updateIntegration);
  const save = () => update.mutate({ id: integration.id, config: patchOf(integration.config ?? {}, config) });
  return (
    <Stack gap="lg">
      {integration.provider === 'GENERIC_CSV' && <Upload integration={integration} />}
      <Card>
        <Stack>
          <Title order={2}>{t('connect.settings')}</Title>
          <Suspense fallback={<Loader role="img" aria-label={t('common.loading')} />}>
            <SchemaForm
              id="config"
              schema={provider?.configSchema}
              value={config}
              onChange={setConfig}
              onSubmit={save}
            />
          </Suspense>
          <ErrorNote error={update.error} />
          <Group>
            <Button type="submit" form="config" loading={update.isPending}>
              {t('common.save')}
            </Button>
            <SavedNote isShown={update.isSuccess} />
          </Group>
        </Stack>
      </Card>
      <Secrets integration={integration} schema={provider?.credentialsSchema} />
      <Switching integration={integration} />
    </Stack>
  );
}

function Secrets({ integration, schema }: { integration: Integration; schema: JsonObject | undefined }) {
  const { t } = useTranslation();
  const [isOpen, { open, close }] = useDisclosure(false);
  const [credentials, setCredentials] = useState<JsonObject>({});
  const update = useMutation(integrationsApi.updateIntegration, {
    onSuccess: () => {
      setCredentials({});
      close();
    },
  });
  return (
    <Card>
      <Stack>
        <Title order={2}>{t('connect.secrets')}</Title>
        <Group gap="xs">
          {integration.credentialFields.map((name) => (
            <Badge key={name} variant="default" tt="none">
              {name} ••••••
            </Badge>
          ))}
          {integration.credentialFields.length === 0 && <Text c="dimmed">{t('settings.noSecrets')}</Text>}
        </Group>
        {isOpen && (
          <Suspense fallback={<Loader role="img" aria-label={t('common.loading')} />}>
            <Text size="sm">{t('settings.replaceText')}</Text>
            <SchemaForm
              id="credentials"
              schema={schema}
              value={credentials}
              onChange={setCredentials}
              onSubmit={() => update.mutate({ id: integration.id, credentials })}
              isSecret
            />
          </Suspense>
        )}
        <ErrorNote error={update.error} />
        <Group>
          {isOpen ? (
            <>
              <Button type="submit" form="credentials" loading={update.isPending}>
                {t('settings.replace')}
              </Button>
              <Button variant="default" onClick={close}>
                {t('settings.keep')}
              </Button>
            </>
          ) : (
            <Button variant="default" onClick={open}>
              {t('settings.replace')}
            </Button>
          )}
          <SavedNote isShown={update.isSuccess && !isOpen} />
        </Group>
      </Stack>
    </Card>
  );
}

/** Switching off and removing, each with what it does. */
function Switching({ integration }: { integration: Integration }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const [isOpen, { open, close }] = useDisclosure(false);
  const update = useMutation(integrationsApi.updateIntegration);
  const remove = useMutation(integrationsApi.deleteIntegration, { onSuccess: () => navigate('/console') });
  const mappings = useQuery(integrationsApi.getSyncLogs, { id: integration.id }).data?.mappingCount ?? 0;
  const isOff = integration.status === Integration_Status.INACTIVE;
  const status = isOff ? Integration_Status.ACTIVE : Integration_Status.INACTIVE;
  return (
    <Card>
      <Stack align="flex-start">
        <Title order={2}>{t('settings.switching')}</Title>
        <Text c="dimmed">{t('settings.switchingText')}</Text>
        <ErrorNote error={update.error} />
        <Group>
          <Button
            variant="default"
            loading={update.isPending}
            onClick={() => update.mutate({ id: integration.id, status })}
          >
            {t(isOff ? 'settings.on' : 'settings.off')}
          </Button>
          <Button variant="outline" color="red" c="var(--mantine-color-error)" onClick={open}>
            {t('settings.remove')}
          </Button>
        </Group>
      </Stack>
      <Modal
        opened={isOpen}
        onClose={close}
        title={t('settings.removeTitle', { name: placeOf(integration) })}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <Stack>
          <Text>
            {t('settings.removeText', { mappings: new Intl.NumberFormat(i18n.language).format(mappings) })}
          </Text>
          <ErrorNote error={remove.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close} data-autofocus>
              {t('common.cancel')}
            </Button>
            <Button
              color="red.8"
              loading={remove.isPending}
              onClick={() => remove.mutate({ id: integration.id })}
            >
              {t('settings.removeDo')}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Card>
  );
}
