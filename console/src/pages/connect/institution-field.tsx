import { Autocomplete, Button, Group } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { placeOf, useIntegrations } from '../../api/integrations.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isInstitutionId(text: string): boolean {
  return UUID.test(text);
}

/** Which institution of SmartID the school is: one that is connected already, another by its id, or a new one. */
export function InstitutionField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  const integrations = useIntegrations().data ?? [];
  const known = new Map<string, string[]>();
  for (const integration of integrations)
    known.set(integration.institutionId, [
      ...(known.get(integration.institutionId) ?? []),
      placeOf(integration),
    ]);
  return (
    <Group align="flex-end" gap="sm">
      <Autocomplete
        label={t('connect.institution')}
        description={t('connect.institutionHelp')}
        placeholder="00000000-0000-4000-8000-000000000000"
        data={[...known.keys()]}
        renderOption={({ option }) => `${known.get(option.value)?.join(', ')} · ${option.value}`}
        value={value}
        onChange={onChange}
        error={value !== '' && !isInstitutionId(value) ? t('connect.institutionWrong') : undefined}
        required
        style={{ flex: '1 1 320px' }}
      />
      <Button variant="default" onClick={() => onChange(newId())}>
        {t('connect.newInstitution')}
      </Button>
    </Group>
  );
}

/** A random UUID; `crypto.randomUUID` is not there for pages that came without TLS from another machine. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
