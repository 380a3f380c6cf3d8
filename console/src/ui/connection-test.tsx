import type { TestConnectionResponse } from '@gen/smartid/integrations/v1/integration_service_pb.js';
import { Alert, Group, Stack, Text, ThemeIcon } from '@mantine/core';
import IconCheck from '@tabler/icons-react/icons/IconCheck';
import IconX from '@tabler/icons-react/icons/IconX';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';

/** Between one check and the next, in milliseconds. */
const PACE = 180;

/** What a test of the connection found, one check after the other. */
export function ConnectionTest({ result }: { result: TestConnectionResponse }) {
  const { t } = useTranslation();
  const { checks, success, message } = result;
  const shown = useOneByOne(checks.length, result);
  return (
    <Stack gap="sm" aria-live="polite">
      {checks.slice(0, shown).map((check) => (
        <Group key={check.name} wrap="nowrap" align="flex-start" gap="sm">
          <ThemeIcon color={check.success ? 'green.8' : 'red.8'} size={24} radius="xl">
            {check.success ? (
              <IconCheck size={16} aria-label={t('test.passed')} />
            ) : (
              <IconX size={16} aria-label={t('test.failed')} />
            )}
          </ThemeIcon>
          <div style={{ minWidth: 0 }}>
            <Text fw={600}>{check.name}</Text>
            <Text size="sm" c="dimmed" className="breakable">
              {check.message}
            </Text>
          </div>
        </Group>
      ))}
      {shown >= checks.length && (
        <Alert color={success ? 'green' : 'red'} title={t(success ? 'test.good' : 'test.bad')}>
          {success ? t('test.goodText', { count: checks.length }) : message}
        </Alert>
      )}
    </Stack>
  );
}

function useOneByOne(count: number, of: unknown): number {
  const [shown, setShown] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another result begins anew
  useEffect(() => setShown(0), [of]);
  useEffect(() => {
    if (shown >= count) return;
    const timer = setTimeout(() => setShown(shown + 1), PACE);
    return () => clearTimeout(timer);
  }, [shown, count]);
  return shown;
}
