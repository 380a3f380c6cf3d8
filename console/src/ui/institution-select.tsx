import { Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useInstitutions } from '../api/institutions.js';

/** Which institution a page is about; by the schools that are connected to it. */
export function InstitutionSelect({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const { t } = useTranslation();
  const data = useInstitutions().map(({ id, label }) => ({ value: id, label }));
  return (
    <Select
      label={t('connect.institution')}
      data={data}
      value={value || null}
      onChange={(id) => id && onChange(id)}
      allowDeselect={false}
      searchable={data.length > 8}
      style={{ flex: '2 1 260px' }}
    />
  );
}
