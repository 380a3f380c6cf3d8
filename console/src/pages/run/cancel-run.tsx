import { useMutation } from '@connectrpc/connect-query';
import type { SyncRun } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { ErrorNote } from '../../ui/error-note.js';

/** Stops a run before it writes anything, with a reason. */
export function CancelRun({ run }: { run: SyncRun }) {
  const { t } = useTranslation();
  const [isOpen, { open, close }] = useDisclosure(false);
  const [reason, setReason] = useState('');
  const cancel = useMutation(integrationsApi.cancelSync, { onSuccess: close });
  if (run.cancelRequestedAt) return <Text c="dimmed">{t('run.stopping')}</Text>;
  return (
    <>
      <Button color="red" c="var(--mantine-color-error)" variant="outline" onClick={open}>
        {t('run.cancel')}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={t('run.cancelTitle')}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <Stack>
          <Text>{t('run.cancelText')}</Text>
          <TextInput
            label={t('common.reason')}
            value={reason}
            onChange={({ currentTarget }) => setReason(currentTarget.value)}
            maxLength={1_000}
            data-autofocus
          />
          <ErrorNote error={cancel.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t('run.goOn')}
            </Button>
            <Button
              color="red.8"
              loading={cancel.isPending}
              onClick={() => cancel.mutate({ id: run.integrationId, runId: run.id, reason })}
            >
              {t('run.cancel')}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
