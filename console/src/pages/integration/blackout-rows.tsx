import { Button, Fieldset, Group, Stack, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** Days, or moments, between which nothing starts; as Blackout has them. */
export interface Days {
  name: string;
  from: string;
  to: string;
}

interface BlackoutRowsProps {
  value: readonly Days[];
  onChange: (value: readonly Days[]) => void;
}

/** Holidays, weeks of examinations: when nothing starts. */
export function BlackoutRows({ value, onChange }: BlackoutRowsProps) {
  const { t } = useTranslation();
  const change = (index: number, changed: Partial<Days>) =>
    onChange(value.map((days, other) => (other === index ? { ...days, ...changed } : days)));
  return (
    <Fieldset legend={t('schedule.blackouts')}>
      <Stack gap="sm">
        {value.map((days, index) => (
          // Rows have no other name than their place.
          // biome-ignore lint/suspicious/noArrayIndexKey: see above
          <Group key={index} align="flex-end" gap="sm">
            <TextInput
              label={t('field.name')}
              value={days.name}
              onChange={({ currentTarget }) => change(index, { name: currentTarget.value })}
              style={{ flex: '2 1 160px' }}
            />
            {(['from', 'to'] as const).map((end) => (
              <TextInput
                key={end}
                // Moments, as an API may have set them, stay as they are.
                type={days[end].length > 10 ? 'text' : 'date'}
                label={t(`schedule.${end}`)}
                value={days[end]}
                onChange={({ currentTarget }) => change(index, { [end]: currentTarget.value })}
                required
                style={{ flex: '1 1 140px' }}
              />
            ))}
            <Button variant="default" onClick={() => onChange(value.filter((_, other) => other !== index))}>
              {t('schedule.removeDays')}
            </Button>
          </Group>
        ))}
        <Group>
          <Button
            variant="default"
            size="xs"
            onClick={() => onChange([...value, { name: '', from: '', to: '' }])}
          >
            {t('schedule.addDays')}
          </Button>
        </Group>
      </Stack>
    </Fieldset>
  );
}
