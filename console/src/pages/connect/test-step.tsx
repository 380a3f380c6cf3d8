import { useMutation } from '@connectrpc/connect-query';
import { Button, Card, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { useIntegration } from '../../api/integrations.js';
import { takesUploads } from '../../api/upload-file.js';
import { ConnectionTest } from '../../ui/connection-test.js';
import { ErrorNote } from '../../ui/error-note.js';
import { UploadFiles } from '../../ui/upload/upload-files.js';

/** Tries the connection at once, and again after it was corrected, or its files were given. */
export function TestStep({ id, onBack, onDone }: { id: string; onBack: () => void; onDone: () => void }) {
  const { t } = useTranslation();
  const { mutate, data, error, isPending } = useMutation(integrationsApi.testConnection);
  const config = useIntegration(id).data?.config;
  const [isGiven, setIsGiven] = useState(false);
  useEffect(() => mutate({ id }), [id, mutate]);
  // That files are not there yet is nothing to be told of.
  const isEmpty = takesUploads(config) && !isGiven && !data?.success;
  return (
    <Stack gap="lg">
      {takesUploads(config) && (
        <UploadFiles
          id={id}
          onKept={() => {
            setIsGiven(true);
            mutate({ id });
          }}
        />
      )}
      <Card>
        <Stack gap="lg">
          <Title order={2}>{t('connect.step.test')}</Title>
          {isPending && (
            <Group>
              <Loader size="sm" aria-hidden />
              <Text role="status">{t('test.running')}</Text>
            </Group>
          )}
          {isEmpty && !isPending && <Text>{t('upload.first')}</Text>}
          {data && !isPending && !isEmpty && <ConnectionTest result={data} />}
          <ErrorNote error={error} />
          <Group justify="space-between">
            <Group gap="sm">
              <Button variant="default" onClick={onBack}>
                {t('connect.correct')}
              </Button>
              <Button variant="default" loading={isPending} onClick={() => mutate({ id })}>
                {t('test.again')}
              </Button>
            </Group>
            <Button onClick={onDone} disabled={!data?.success}>
              {t('connect.toPreview')}
            </Button>
          </Group>
        </Stack>
      </Card>
    </Stack>
  );
}
