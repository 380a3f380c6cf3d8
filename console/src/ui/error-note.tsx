import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '@gen/google/rpc/error_details_pb.js';
import { Alert, Button, CopyButton, Group, List, Stack, Text } from '@mantine/core';
import IconAlertTriangle from '@tabler/icons-react/icons/IconAlertTriangle';
import { useTranslation } from 'react-i18next';

const ADVICE = {
  [Code.InvalidArgument]: 'correct',
  [Code.NotFound]: 'gone',
  [Code.AlreadyExists]: 'exists',
  [Code.FailedPrecondition]: 'state',
  [Code.Aborted]: 'busy',
  [Code.ResourceExhausted]: 'slow',
  [Code.Unavailable]: 'away',
  [Code.DeadlineExceeded]: 'away',
  [Code.PermissionDenied]: 'permission',
  [Code.Unauthenticated]: 'signIn',
  [Code.Internal]: 'internal',
} as const;

/** What the service said, the id by which its log has it, and what to do. */
export function ErrorNote({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  if (!error) return null;
  const said = ConnectError.from(error);
  // A browser that reached nobody has a sentence of its own, which tells a person nothing.
  const isOffline = said.code === Code.Unknown && said.cause instanceof TypeError;
  const advice = isOffline ? 'away' : (ADVICE[said.code as keyof typeof ADVICE] ?? 'internal');
  const requestId = said.metadata.get('x-request-id');
  const fields = said.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  return (
    <Alert
      color="red"
      role="alert"
      icon={<IconAlertTriangle aria-hidden />}
      title={t(`error.title.${advice}`)}
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm" className="breakable">
          {isOffline ? t('error.offline') : said.rawMessage}
        </Text>
        {fields.length > 1 && (
          <List size="sm">
            {fields.map(({ field, description }) => (
              <List.Item key={`${field} ${description}`}>
                <b>{field}</b> {description}
              </List.Item>
            ))}
          </List>
        )}
        <Text size="sm">{t(`error.advice.${advice}`)}</Text>
        <Group gap="sm">
          {onRetry && (
            <Button size="xs" variant="default" onClick={onRetry}>
              {t('common.retry')}
            </Button>
          )}
          {requestId && (
            <CopyButton value={requestId}>
              {({ copied, copy }) => (
                <Button size="xs" variant="default" onClick={copy} className="breakable">
                  {copied ? t('common.copied') : t('error.requestId', { id: requestId })}
                </Button>
              )}
            </CopyButton>
          )}
        </Group>
      </Stack>
    </Alert>
  );
}
