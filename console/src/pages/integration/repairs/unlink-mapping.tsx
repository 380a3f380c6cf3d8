import { useMutation } from '@connectrpc/connect-query';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../../api/clients.js';
import { RepairForm, type RepairProps } from './repair-form.js';

/** The id belongs to somebody else: the pair is taken apart. */
export function UnlinkMapping({ mapping, who, onDone, onClose }: RepairProps) {
  const { t } = useTranslation();
  const { integrationId, entityType, externalId } = mapping;
  const unlink = useMutation(integrationsApi.unlinkMapping, { onSuccess: onDone });
  return (
    <RepairForm
      will={t('repair.will.unlink', { who, from: externalId })}
      action={t('repair.do.unlink')}
      isSevere
      error={unlink.error}
      isPending={unlink.isPending}
      onDo={(reason) => unlink.mutate({ id: integrationId, entityType, externalId, reason })}
      onClose={onClose}
    />
  );
}
