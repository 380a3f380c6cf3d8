import { Button, Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog } from './dialog.js';
import { ErrorNote } from './error-note.js';

interface ConfirmProps {
  title: string;
  /** What will happen. */
  text: ReactNode;
  /** What the button says that does it. */
  action: string;
  error: unknown;
  isPending: boolean;
  onDo: () => void;
  onClose: () => void;
}

/** Asks before something is taken away, and says what that does. */
export function Confirm({ title, text, action, error, isPending, onDo, onClose }: ConfirmProps) {
  const { t } = useTranslation();
  return (
    <Dialog onClose={onClose} title={title}>
      <Stack>
        <Text className="breakable">{text}</Text>
        <ErrorNote error={error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            {t('common.cancel')}
          </Button>
          <Button color="red.8" loading={isPending} onClick={onDo}>
            {action}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
