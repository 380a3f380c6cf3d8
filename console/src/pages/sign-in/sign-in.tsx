import { createClient } from '@connectrpc/connect';
import {
  Alert,
  Button,
  Card,
  Center,
  Checkbox,
  Group,
  PasswordInput,
  Stack,
  Text,
  Title,
} from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { IntegrationService } from '../../api/clients.js';
import { session } from '../../api/session.js';
import { transportWith } from '../../api/transport.js';
import { ShellMenu } from '../../app/shell-menu.js';
import icon from '../../icon.svg';
import { ErrorNote } from '../../ui/error-note.js';

/** Asks for a token and tries it before it is used. */
export default function SignIn() {
  const { t } = useTranslation();
  const [token, setToken] = useState('');
  const [keep, setKeep] = useState(false);
  const attempt = useMutation({
    mutationFn: (given: string) => createClient(IntegrationService, transportWith(given)).listProviders({}),
    onSuccess: (_, given) => session.open(given, keep),
  });
  useEffect(() => {
    document.title = `${t('signIn.title')} · SmartID Integrations`;
  }, [t]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token.trim()) attempt.mutate(token.trim());
  };
  return (
    <>
      <Group component="header" justify="flex-end" p="sm">
        <ShellMenu />
      </Group>
      <Center component="main" p="md" mih="75vh">
        <Card w="100%" maw={420} padding="xl" shadow="sm">
          <form onSubmit={submit}>
            <Stack gap="lg">
              <Stack gap="xs" align="center" ta="center">
                <img src={icon} alt="" width={48} height={48} />
                <Title order={1}>{t('signIn.title')}</Title>
                <Text c="dimmed" size="sm">
                  {t('signIn.lead')}
                </Text>
              </Stack>
              {session.isRefused && !attempt.isError && <Alert color="orange">{t('signIn.refused')}</Alert>}
              <PasswordInput
                label={t('signIn.token')}
                description={t('signIn.help')}
                value={token}
                onChange={({ currentTarget }) => setToken(currentTarget.value)}
                autoComplete="off"
                autoFocus
                required
                withAsterisk={false}
                visibilityToggleButtonProps={{ 'aria-label': t('signIn.show') }}
              />
              <Checkbox
                label={t('signIn.keep')}
                description={t('signIn.keepHelp')}
                checked={keep}
                onChange={({ currentTarget }) => setKeep(currentTarget.checked)}
              />
              <ErrorNote error={attempt.error} />
              <Button type="submit" loading={attempt.isPending} fullWidth size="md">
                {t('signIn.submit')}
              </Button>
            </Stack>
          </form>
        </Card>
      </Center>
    </>
  );
}
