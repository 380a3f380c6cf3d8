import type { JsonObject } from '@bufbuild/protobuf';
import { useMutation } from '@connectrpc/connect-query';
import type { Provider } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Anchor, Button, Card, Checkbox, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { Suspense, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { patchOf, useIntegration, useProviderTitle } from '../../api/integrations.js';
import { takesUploads, UPLOADS } from '../../api/upload-file.js';
import { ErrorNote } from '../../ui/error-note.js';
import { ProviderLogo } from '../../ui/provider-logo.js';
import { SchemaForm } from '../../ui/schema-form/index.js';
import { InstitutionField, isInstitutionId } from './institution-field.js';

interface SettingsProps {
  provider: Provider;
  /** Of the integration, where it was made already and is corrected. */
  id: string;
  onDone: (id: string) => void;
}

/** Where the school's system is, and the secrets it takes. */
export function Settings({ provider, id, onDone }: SettingsProps) {
  const { t } = useTranslation();
  const titleOf = useProviderTitle();
  const [institutionId, setInstitutionId] = useState('');
  const [config, setConfig] = useState<JsonObject>({});
  const [credentials, setCredentials] = useState<JsonObject>({});
  const made = useIntegration(id).data;
  const create = useMutation(integrationsApi.createIntegration);
  const update = useMutation(integrationsApi.updateIntegration);
  const isPending = create.isPending || update.isPending;
  useEffect(() => {
    if (made?.config) setConfig(made.config);
  }, [made?.config]);
  const save = () => {
    const secrets = Object.keys(credentials).length > 0 ? { credentials } : {};
    if (id)
      update.mutate(
        { id, config: patchOf(made?.config ?? {}, config), ...secrets },
        { onSuccess: () => onDone(id) },
      );
    else
      create.mutate(
        { institutionId, provider: provider.provider, config, credentials },
        { onSuccess: ({ integration }) => onDone(integration?.id ?? '') },
      );
  };
  return (
    <Card>
      <Stack gap="lg">
        <Group>
          <ProviderLogo provider={provider.provider} />
          <Title order={2}>{titleOf(provider.provider)}</Title>
        </Group>
        {!id && <InstitutionField value={institutionId} onChange={setInstitutionId} />}
        <Suspense fallback={<Loader role="img" aria-label={t('common.loading')} />}>
          <section aria-label={t('connect.settings')}>
            <Title order={3} fz="md" mb="xs">
              {t('connect.settings')}
            </Title>
            {provider.provider === 'GENERIC_CSV' && (
              <Checkbox
                label={t('upload.here')}
                checked={takesUploads(config)}
                onChange={({ currentTarget }) => setConfig(withUploads(config, currentTarget.checked))}
                mb="md"
              />
            )}
            <SchemaForm
              id="settings"
              schema={provider.configSchema}
              value={config}
              onChange={setConfig}
              onSubmit={save}
            />
          </section>
          {hasFields(provider.credentialsSchema) && (
            <section aria-label={t('connect.secrets')}>
              <Title order={3} fz="md" mb={4}>
                {t('connect.secrets')}
              </Title>
              <Text size="sm" c="dimmed" mb="xs">
                {t(made && made.credentialFields.length > 0 ? 'connect.secretsKept' : 'connect.secretsHelp')}
              </Text>
              <SchemaForm
                id="secrets"
                schema={made ? { ...provider.credentialsSchema, required: [] } : provider.credentialsSchema}
                value={credentials}
                onChange={setCredentials}
                onSubmit={save}
                isSecret
              />
            </section>
          )}
        </Suspense>
        <ErrorNote error={create.error ?? update.error} />
        <Group justify="space-between">
          <Anchor href="/console/connect">{t('connect.otherSystem')}</Anchor>
          <Button
            type="submit"
            form="settings"
            loading={isPending}
            disabled={!id && !isInstitutionId(institutionId)}
          >
            {t('connect.continue')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}

/** With the files given here, or nowhere yet. */
function withUploads({ importPath: _, s3Bucket: __, ...config }: JsonObject, here: boolean): JsonObject {
  return here ? { ...config, importPath: UPLOADS } : config;
}

function hasFields(schema: JsonObject | undefined): boolean {
  return Object.keys((schema?.properties ?? {}) as object).length > 0;
}
