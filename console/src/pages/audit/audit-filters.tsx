import { type Timestamp, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { NativeSelect, SimpleGrid, Switch, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { placeOf, useIntegrations } from '../../api/integrations.js';
import { AUDIT_ACTIONS, useActionName } from './action-name.js';

export interface AuditFilter {
  actor: string;
  action: string;
  integrationId: string;
  /** Days, as YYYY-MM-DD; empty: any. */
  from: string;
  to: string;
  refused: boolean;
}

export const EVERYTHING: AuditFilter = {
  actor: '',
  action: '',
  integrationId: '',
  from: '',
  to: '',
  refused: false,
};

/** The filters as ListAuditEvents takes them. Days begin and end where the reader is. */
export function asked({ from, to, actor, ...rest }: AuditFilter) {
  return {
    ...rest,
    actor: actor.trim(),
    ...(from && { since: startOf(from, 0) }),
    ...(to && { until: startOf(to, 1) }),
  };
}

function startOf(day: string, later: number): Timestamp {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return timestampFromDate(new Date(year, month - 1, date + later));
}

interface AuditFiltersProps {
  institutionId: string;
  value: AuditFilter;
  onChange: (value: AuditFilter) => void;
}

/** Who, what, of which school, when. */
export function AuditFilters({ institutionId, value, onChange }: AuditFiltersProps) {
  const { t } = useTranslation();
  const nameOf = useActionName();
  const schools = (useIntegrations().data ?? []).filter((school) => school.institutionId === institutionId);
  const set = (changed: Partial<AuditFilter>) => onChange({ ...value, ...changed });
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} verticalSpacing="sm" style={{ alignItems: 'end' }}>
      <TextInput
        label={t('audit.actor')}
        value={value.actor}
        onChange={({ currentTarget }) => set({ actor: currentTarget.value })}
        maxLength={200}
      />
      <NativeSelect
        label={t('audit.action')}
        data={[
          { value: '', label: t('audit.anything') },
          ...AUDIT_ACTIONS.map((action) => ({ value: action, label: nameOf(action) })),
        ]}
        value={value.action}
        onChange={({ currentTarget }) => set({ action: currentTarget.value })}
      />
      <NativeSelect
        label={t('audit.school')}
        data={[
          { value: '', label: t('audit.anySchool') },
          ...schools.map((school) => ({ value: school.id, label: placeOf(school) })),
        ]}
        value={value.integrationId}
        onChange={({ currentTarget }) => set({ integrationId: currentTarget.value })}
      />
      <TextInput
        type="date"
        label={t('audit.from')}
        value={value.from}
        onChange={({ currentTarget }) => set({ from: currentTarget.value })}
      />
      <TextInput
        type="date"
        label={t('audit.to')}
        value={value.to}
        onChange={({ currentTarget }) => set({ to: currentTarget.value })}
      />
      <Switch
        label={t('audit.refused')}
        checked={value.refused}
        onChange={({ currentTarget }) => set({ refused: currentTarget.checked })}
        pb={8}
      />
    </SimpleGrid>
  );
}
