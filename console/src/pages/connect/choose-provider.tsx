import type { Provider } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Card, Group, SimpleGrid, Stack, Text, UnstyledButton } from '@mantine/core';
import IconChevronRight from '@tabler/icons-react/icons/IconChevronRight';
import { useTranslation } from 'react-i18next';
import { useProviderTitle } from '../../api/integrations.js';
import { ProviderLogo } from '../../ui/provider-logo.js';

interface ChooseProviderProps {
  providers: readonly Provider[];
  onChoose: (provider: string) => void;
}

/** The systems that a school may have, with what each needs. */
export function ChooseProvider({ providers, onChoose }: ChooseProviderProps) {
  const { t, i18n } = useTranslation();
  const titleOf = useProviderTitle();
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      {providers.map(({ provider, sendsAttendance }) => {
        const help = `provider.${provider}`;
        return (
          <UnstyledButton key={provider} onClick={() => onChoose(provider)} style={{ borderRadius: 16 }}>
            <Card h="100%">
              <Group wrap="nowrap" align="flex-start">
                <ProviderLogo provider={provider} size={52} />
                <Stack gap={4} style={{ flex: 1 }}>
                  <Text fw={650} size="lg">
                    {titleOf(provider)}
                  </Text>
                  <Text size="sm" c="dimmed">
                    {i18n.exists(help) ? t(help as 'provider.MOODLE') : t('provider.other')}
                  </Text>
                  <Text size="sm">{t(sendsAttendance ? 'connect.bothWays' : 'connect.oneWay')}</Text>
                </Stack>
                <IconChevronRight aria-hidden size={20} />
              </Group>
            </Card>
          </UnstyledButton>
        );
      })}
    </SimpleGrid>
  );
}
