import { useMutation, useQuery } from '@connectrpc/connect-query';
import { NativeSelect, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { skipToken } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../../api/clients.js';
import { useEntityName } from '../../../ui/entity-name.js';
import { RepairForm, type RepairProps } from './repair-form.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Two in SmartID are one: this one stays, the other goes. */
export function MergeMapping({ mapping, kind, institutionId, who, onDone, onClose }: RepairProps) {
  const { t } = useTranslation();
  const { integrationId, entityType, internalId, externalId } = mapping;
  const [typed, setTyped] = useState('');
  const [keepId, setKeepId] = useState(externalId);
  const [asked] = useDebouncedValue(typed.trim(), 300);
  const ids = UUID.test(asked) ? { internalId: asked } : { externalId: asked };
  const other = useQuery(
    integrationsApi.getMapping,
    asked ? { id: integrationId, entityType, ...ids } : skipToken,
    { retry: false },
  );
  const found = asked ? other.data?.mapping : undefined;
  // Somebody of another integration is known by SmartID's id alone.
  const dropId = found?.internalId ?? (UUID.test(asked) ? asked : '');
  const gone = useEntityName(institutionId, kind, dropId);
  const isSame = dropId === internalId;
  const merge = useMutation(integrationsApi.mergeMappings, { onSuccess: onDone });
  return (
    <RepairForm
      will={gone && !isSame ? t('repair.will.merge', { gone, kept: who }) : undefined}
      action={t('repair.do.merge')}
      isSevere
      error={merge.error}
      isPending={merge.isPending}
      onDo={(reason) =>
        merge.mutate({
          id: integrationId,
          entityType,
          keepInternalId: internalId,
          dropInternalId: dropId,
          keepExternalId: found ? keepId : '',
          reason,
        })
      }
      onClose={onClose}
    >
      <TextInput
        label={t('repair.other')}
        value={typed}
        onChange={({ currentTarget }) => {
          setTyped(currentTarget.value);
          setKeepId(externalId);
        }}
        maxLength={255}
        required
      />
      {isSame && <Text size="sm">{t('repair.same')}</Text>}
      {asked && other.isError && !gone && <Text size="sm">{t('repair.unknown')}</Text>}
      {found && !isSame && (
        <NativeSelect
          label={t('repair.keepId')}
          description={t('repair.keepBoth')}
          data={[externalId, found.externalId]}
          value={keepId}
          onChange={({ currentTarget }) => setKeepId(currentTarget.value)}
        />
      )}
    </RepairForm>
  );
}
