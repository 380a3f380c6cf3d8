import { callUnaryMethod, useTransport } from '@connectrpc/connect-query';
import { VerifyAuditResponse_Problem_Kind as Kind } from '@gen/smartid/integrations/v1/audit_service_pb.js';
import { Alert, Button, Group } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { auditApi } from '../../api/audit-api.js';
import { ErrorNote } from '../../ui/error-note.js';

/** Looks through all events for those that somebody touched. */
export function Verification({ institutionId }: { institutionId: string }) {
  const { t } = useTranslation();
  const transport = useTransport();
  const { mutate, data, error, isPending } = useMutation({
    mutationFn: () => callUnaryMethod(transport, auditApi.verifyAudit, { institutionId }),
  });
  return (
    <Group align="center">
      <Button variant="default" loading={isPending} onClick={() => mutate()}>
        {t('audit.verify')}
      </Button>
      {data && (
        <Alert color={data.intact ? 'green' : 'red'} role="status" py="xs">
          {data.intact
            ? t('audit.intact', { count: data.eventCount })
            : data.problems.map(({ position, kind }) => `${position}: ${Kind[kind]}`).join(', ')}
        </Alert>
      )}
      <ErrorNote error={error} />
    </Group>
  );
}
