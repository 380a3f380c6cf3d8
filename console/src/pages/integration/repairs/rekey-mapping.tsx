import { useMutation } from '@connectrpc/connect-query';
import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../../api/clients.js';
import { RepairForm, type RepairProps } from './repair-form.js';

/** The school gave somebody another id. */
export function RekeyMapping({ mapping, who, onDone, onClose }: RepairProps) {
  const { t } = useTranslation();
  const { integrationId, entityType, externalId } = mapping;
  const [typed, setTyped] = useState('');
  const to = typed.trim();
  const rekey = useMutation(integrationsApi.rekeyMapping, { onSuccess: onDone });
  return (
    <RepairForm
      will={to && to !== externalId ? t('repair.will.rekey', { who, from: externalId, to }) : undefined}
      action={t('repair.do.rekey')}
      error={rekey.error}
      isPending={rekey.isPending}
      onDo={(reason) =>
        rekey.mutate({ id: integrationId, entityType, externalId, newExternalId: to, reason })
      }
      onClose={onClose}
    >
      <TextInput
        label={t('repair.newId')}
        value={typed}
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        maxLength={255}
        required
      />
    </RepairForm>
  );
}
