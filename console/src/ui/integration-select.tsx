import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { placeOf, useProviderTitle } from '../api/integrations.js';

interface IntegrationSelectProps {
  integrations: readonly Integration[];
  value: string;
  onChange: (id: string) => void;
}

/** Which school a page is about. */
export function IntegrationSelect({ integrations, value, onChange }: IntegrationSelectProps) {
  const { t } = useTranslation();
  const titleOf = useProviderTitle();
  return (
    <Select
      label={t('common.school')}
      data={integrations.map((integration) => {
        return { value: integration.id, label: `${placeOf(integration)} · ${titleOf(integration.provider)}` };
      })}
      value={value}
      onChange={(id) => id && onChange(id)}
      allowDeselect={false}
      searchable={integrations.length > 8}
      maw={480}
    />
  );
}
