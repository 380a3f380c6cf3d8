import { useMutation } from '@connectrpc/connect-query';
import { Button, Card, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { ConnectionTest } from '../../ui/connection-test.js';
import { ErrorNote } from '../../ui/error-note.js';

/** Tries the connection at once, and again after it was corrected. */
export function TestStep({ id, onBack, onDone }: { id: string; onBack: () => void; onDone: () => void }) {
  const { t } = useTranslation();
  const { mutate, data, error, isPending } = useMutation(integrationsApi.testConnection);
  useEffect(() => mutate({ id }), [id, mutate]);
  return (
    <Card>
      <Stack gap="lg">
        <Title order={2}>{t('connect.step.test')}</Title>
        {isPending && (
          <Group>
            <Loader size="sm" aria-hidden />
            <Text role="status">{t('test.running')}</Text>
          </Group>
        )}
        {data && !isPending && <ConnectionTest result={data} />}
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
  );
}
