import { type Integration, Integration_Status } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Card, Group, SimpleGrid, Text, ThemeIcon } from '@mantine/core';
import IconAlertTriangle from '@tabler/icons-react/icons/IconAlertTriangle';
import IconCircleCheck from '@tabler/icons-react/icons/IconCircleCheck';
import IconHandStop from '@tabler/icons-react/icons/IconHandStop';
import IconPlugConnected from '@tabler/icons-react/icons/IconPlugConnected';
import { useTranslation } from 'react-i18next';
import { useHeldRuns } from '../../api/held-runs.js';

/** The figures one looks at first. */
export function Waiting({ integrations }: { integrations: readonly Integration[] }) {
  const { t } = useTranslation();
  const held = useHeldRuns().data?.length ?? 0;
  const failing = integrations.filter(({ status }) => status === Integration_Status.ERROR).length;
  const figures = [
    { name: 'connected', value: integrations.length, color: 'brand', Icon: IconPlugConnected },
    {
      name: 'failing',
      value: failing,
      color: failing > 0 ? 'red' : 'green',
      Icon: failing > 0 ? IconAlertTriangle : IconCircleCheck,
    },
    {
      name: 'held',
      value: held,
      color: held > 0 ? 'orange' : 'green',
      Icon: held > 0 ? IconHandStop : IconCircleCheck,
    },
  ] as const;
  return (
    <SimpleGrid cols={3} spacing={{ base: 'xs', sm: 'md' }}>
      {figures.map(({ name, value, color, Icon }) => (
        <Card key={name} padding="md">
          <Group gap="sm">
            <ThemeIcon variant="light" color={color} size={40} radius="md" aria-hidden>
              <Icon size={22} />
            </ThemeIcon>
            <div>
              <Text fw={700} fz={22} lh={1.1} className="numbers">
                {value}
              </Text>
              <Text size="sm" c="dimmed">
                {t(`overview.figure.${name}`, { count: value })}
              </Text>
            </div>
          </Group>
        </Card>
      ))}
    </SimpleGrid>
  );
}
