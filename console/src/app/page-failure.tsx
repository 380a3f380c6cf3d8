import { Button, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useRouteError } from 'react-router';

/** What is shown where a page itself failed: after an update of the service its parts may have new names. */
export function PageFailure() {
  const { t } = useTranslation();
  const error = useRouteError();
  return (
    <Stack p="xl" align="flex-start" role="alert">
      <Title order={1}>{t('failure.title')}</Title>
      <Text maw={560}>{t('failure.text')}</Text>
      <Text size="sm" c="dimmed" ff="monospace" className="breakable">
        {error instanceof Error ? error.message : String(error)}
      </Text>
      <Button onClick={() => window.location.reload()}>{t('failure.reload')}</Button>
    </Stack>
  );
}
