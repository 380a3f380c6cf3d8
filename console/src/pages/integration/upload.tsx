import { useMutation } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Button, Card, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { placeOf } from '../../api/integrations.js';
import { takesUploads, UPLOADS } from '../../api/upload-file.js';
import { ErrorNote } from '../../ui/error-note.js';
import { UploadFiles } from '../../ui/upload/upload-files.js';

/** Files of the school that are given here; of one that is read elsewhere, the way to change that. */
export function Upload({ integration }: { integration: Integration }) {
  if (takesUploads(integration.config)) return <UploadFiles id={integration.id} />;
  return <Elsewhere integration={integration} />;
}

function Elsewhere({ integration }: { integration: Integration }) {
  const { t } = useTranslation();
  const update = useMutation(integrationsApi.updateIntegration);
  const config = { importPath: UPLOADS, s3Bucket: null };
  return (
    <Card>
      <Stack align="flex-start">
        <Title order={2}>{t('upload.title')}</Title>
        <Text>{t('upload.elsewhere', { place: placeOf(integration) })}</Text>
        <ErrorNote error={update.error} />
        <Button
          variant="default"
          loading={update.isPending}
          onClick={() => update.mutate({ id: integration.id, config })}
        >
          {t('upload.switch')}
        </Button>
      </Stack>
    </Card>
  );
}
