import { Button, Group, Modal, NativeSelect, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorNote } from './error-note.js';

/** How long the secret before may stay good, in seconds. */
const OVERLAPS = [86_400, 3_600, 604_800, 0] as const;

interface RotateSecretProps {
  label: string;
  text: string;
  error: unknown;
  isPending: boolean;
  onRotate: (overlapSeconds: number, done: () => void) => void;
}

/** Puts a new secret in place of what there is, after asking how long the one before stays good. */
export function RotateSecret({ label, text, error, isPending, onRotate }: RotateSecretProps) {
  const { t } = useTranslation();
  const [isOpen, { open, close }] = useDisclosure(false);
  const [overlap, setOverlap] = useState<number>(OVERLAPS[0]);
  return (
    <>
      <Button variant="default" onClick={open}>
        {label}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={label}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <Stack>
          <Text>{text}</Text>
          <NativeSelect
            label={t('secret.overlap')}
            data={OVERLAPS.map((value) => ({ value: String(value), label: t(`secret.overlaps.${value}`) }))}
            value={String(overlap)}
            onChange={({ currentTarget }) => setOverlap(Number(currentTarget.value))}
          />
          <ErrorNote error={error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t('common.cancel')}
            </Button>
            <Button loading={isPending} onClick={() => onRotate(overlap, close)}>
              {label}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
