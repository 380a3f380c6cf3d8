import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Button, Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Sessions } from '../attendance/sessions.js';

/** The attendance of this school; the page of attendance has it for all. */
export function Deliveries({ integration, zone }: { integration: Integration; zone: string }) {
  const { t } = useTranslation();
  return (
    <Stack>
      <Group justify="space-between">
        <Text c="dimmed">{t('attendance.lead')}</Text>
        <Button component={Link} to={`/console/attendance/${integration.id}`} variant="default">
          {t('attendance.open')}
        </Button>
      </Group>
      <Sessions integration={integration} zone={zone} />
    </Stack>
  );
}
