import { callUnaryMethod, useTransport } from '@connectrpc/connect-query';
import {
  VerifyAuditResponse_Problem_Kind as Kind,
  type VerifyAuditResponse,
} from '@gen/smartid/integrations/v1/audit_service_pb.js';
import { Alert, Button, Code, Group, List, Stack, Text } from '@mantine/core';
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
    <Stack gap="sm">
      <Group>
        <Button variant="default" loading={isPending} onClick={() => mutate()}>
          {t('audit.verify')}
        </Button>
      </Group>
      {data && <Found verified={data} />}
      <ErrorNote error={error} />
    </Stack>
  );
}

function Found({ verified }: { verified: VerifyAuditResponse }) {
  const { t, i18n } = useTranslation();
  const { intact, eventCount, problems, position, hash } = verified;
  const shown = new Intl.NumberFormat(i18n.language).format(eventCount);
  if (!intact)
    return (
      <Alert color="red" role="status" title={t('audit.broken', { count: problems.length })}>
        <List size="sm">
          {problems.map(({ position: at, kind }) => (
            <List.Item key={`${at} ${kind}`}>
              {t(`audit.problem.${Kind[kind] as 'CHANGED'}`, { position: String(at) })}
            </List.Item>
          ))}
        </List>
      </Alert>
    );
  return (
    <Alert color="green" role="status" title={t('audit.intact', { count: eventCount, shown })}>
      <Text size="sm">{t('audit.anchorText')}</Text>
      <Text size="sm" mt={4} className="breakable">
        {t('audit.anchor', { position })} <Code>{hexOf(hash)}</Code>
      </Text>
    </Alert>
  );
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
