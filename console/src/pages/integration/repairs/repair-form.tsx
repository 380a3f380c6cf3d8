import type { Mapping } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { Alert, Button, Group, Stack, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { EntityKind } from '../../../ui/entity-name.js';
import { ErrorNote } from '../../../ui/error-note.js';

export interface RepairProps {
  mapping: Mapping;
  kind: EntityKind;
  institutionId: string;
  /** Whose ids they are. */
  who: string;
  onDone: () => void;
  onClose: () => void;
}

interface RepairFormProps {
  /** What will happen, in a sentence; undefined until enough is said. */
  will: string | undefined;
  action: string;
  isSevere?: boolean;
  error: unknown;
  isPending: boolean;
  onDo: (reason: string) => void;
  onClose: () => void;
  children?: ReactNode;
}

/** What a repair asks for, what it will do, why, and the button that does it. */
export function RepairForm(props: RepairFormProps) {
  const { will, action, isSevere = false, error, isPending, onDo, onClose, children } = props;
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (will !== undefined) onDo(reason);
  };
  return (
    <Stack component="form" onSubmit={submit}>
      {children}
      <div aria-live="polite">{will && <Alert color={isSevere ? 'red' : 'orange'}>{will}</Alert>}</div>
      <TextInput
        label={t('common.reason')}
        value={reason}
        onChange={({ currentTarget }) => setReason(currentTarget.value)}
        maxLength={1_000}
      />
      <ErrorNote error={error} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t('common.cancel')}
        </Button>
        <Button
          type="submit"
          {...(isSevere && { color: 'red.8' })}
          disabled={will === undefined}
          loading={isPending}
        >
          {action}
        </Button>
      </Group>
    </Stack>
  );
}
