import { type Delivery, Delivery_Status } from '@gen/smartid/integrations/v1/delivery_pb.js';
import { AttendanceRecord_Status } from '@gen/smartid/roster/v1/class_session_pb.js';
import { Table, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { EntityName } from '../../ui/entity-name.js';
import { StateBadge } from '../../ui/status-badge.js';

export const DELIVERY_COLORS = {
  QUEUED: 'cyan',
  WITHHELD: 'orange',
  SENT: 'blue',
  CONFIRMED: 'green',
  FAILED: 'red',
  WITHDRAWN: 'gray',
} as const;

export type DeliveryStatus = keyof typeof DELIVERY_COLORS;

export function deliveryStatusOf({ status }: Delivery): DeliveryStatus {
  return Delivery_Status[status] as DeliveryStatus;
}

/** Each mark of a session, what became of it, and why. */
export function DeliveryRows({
  deliveries,
  institutionId,
}: {
  deliveries: readonly Delivery[];
  institutionId: string;
}) {
  const { t } = useTranslation();
  return (
    <Table.ScrollContainer minWidth={520}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('attendance.student')}</Table.Th>
            <Table.Th>{t('attendance.mark')}</Table.Th>
            <Table.Th>{t('mappings.state')}</Table.Th>
            <Table.Th>{t('attendance.attempts')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {deliveries.map((delivery) => (
            <Table.Tr key={`${delivery.studentId} ${delivery.version}`}>
              <Table.Td>
                <EntityName institutionId={institutionId} kind="STUDENT" id={delivery.studentId} />
                <Text size="xs" c="dimmed">
                  {delivery.externalId}
                  {delivery.version > 1 && ` · ${t('attendance.version', { version: delivery.version })}`}
                </Text>
              </Table.Td>
              <Table.Td>
                {t(`attendance.marks.${AttendanceRecord_Status[delivery.attendanceStatus] as 'PRESENT'}`)}
              </Table.Td>
              <Table.Td>
                <StateBadge
                  color={DELIVERY_COLORS[deliveryStatusOf(delivery)]}
                  label={t(`attendance.status.${deliveryStatusOf(delivery)}`)}
                />
                {delivery.lastReason && (
                  <Text size="xs" className="breakable">
                    {delivery.lastReason}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>{delivery.attempts}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
