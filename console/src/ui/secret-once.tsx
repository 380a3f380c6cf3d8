import { Alert, Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import IconKey from '@tabler/icons-react/icons/IconKey';
import { useTranslation } from 'react-i18next';

/** A secret that the service tells only now. */
export function SecretOnce({ secret, onDone }: { secret: string; onDone: () => void }) {
  const { t } = useTranslation();
  return (
    <Alert color="orange" role="status" icon={<IconKey aria-hidden />} title={t('secret.title')}>
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{t('secret.text')}</Text>
        <Code block className="breakable" style={{ whiteSpace: 'pre-wrap', maxWidth: '100%' }}>
          {secret}
        </Code>
        <Group gap="sm">
          <CopyButton value={secret}>
            {({ copied, copy }) => (
              <Button size="xs" onClick={copy}>
                {t(copied ? 'common.copied' : 'secret.copy')}
              </Button>
            )}
          </CopyButton>
          <Button size="xs" variant="default" onClick={onDone}>
            {t('secret.done')}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}
