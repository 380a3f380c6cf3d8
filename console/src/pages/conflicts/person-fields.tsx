import type { JsonObject } from '@bufbuild/protobuf';
import { Text } from '@mantine/core';
import IconCheck from '@tabler/icons-react/icons/IconCheck';
import { useTranslation } from 'react-i18next';

const FIELDS = ['nationalId', 'email', 'code', 'birthDate'] as const;

export function fullName({ givenName, familyName }: JsonObject): string {
  return [givenName, familyName].filter(Boolean).join(' ');
}

/** What tells a person apart; what is the same as in the other is marked. */
export function PersonFields({ person, other }: { person: JsonObject; other?: JsonObject }) {
  const { t } = useTranslation();
  return (
    <dl style={{ margin: 0 }}>
      {FIELDS.map((field) => {
        const value = String(person[field] ?? '');
        const isSame = value !== '' && value === String(other?.[field] ?? '');
        return (
          <div key={field} className="field">
            <Text component="dt" size="sm" c="dimmed">
              {t(`field.${field}`)}
            </Text>
            <Text component="dd" size="sm" m={0} fw={isSame ? 650 : 400} className="breakable">
              {value || '—'} {isSame && <IconCheck size={14} aria-label={t('conflicts.isSame')} />}
            </Text>
          </div>
        );
      })}
    </dl>
  );
}
