import type { JsonObject } from '@bufbuild/protobuf';
import { Card, Select, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';

const PERSON = ['givenName', 'familyName', 'email', 'nationalId', 'code'] as const;
/** The fields of each kind that sources fill. */
const FIELDS = {
  STUDENT: [...PERSON, 'birthDate', 'enrolledOn'],
  TEACHER: PERSON,
  COURSE: ['name', 'code', 'grade', 'academicTerm', 'description'],
  GROUP: ['name', 'code', 'academicTerm', 'courseId'],
} as const;
const WINNERS = ['SOURCE', 'SMARTID', 'FILL'] as const;
type Kind = keyof typeof FIELDS;

interface WinnersProps {
  policy: JsonObject;
  onChange: (policy: JsonObject) => void;
}

/** Who wins where the school and SmartID say different things, field by field. */
export function Winners({ policy, onChange }: WinnersProps) {
  const { t } = useTranslation();
  const fields = (policy.fields ?? {}) as JsonObject;
  const choose = (kind: Kind, field: string, winner: string | null) => {
    const { [field]: _, ...rest } = (fields[kind] ?? {}) as JsonObject;
    const changed = winner === null || winner === 'SOURCE' ? rest : { ...rest, [field]: winner };
    onChange({ ...policy, fields: { ...fields, [kind]: changed } });
  };
  return (
    <Card>
      <Stack>
        <Title order={2}>{t('policy.winners')}</Title>
        <Text size="sm">{t('policy.winnersText')}</Text>
        {(Object.keys(FIELDS) as Kind[]).map((kind) => (
          <Stack key={kind} gap="xs" role="group" aria-label={t(`entity.${kind}`)}>
            <Title order={3} fz="md" tt="capitalize">
              {t(`entity.${kind}`)}
            </Title>
            <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
              {FIELDS[kind].map((field) => (
                <Select
                  key={field}
                  label={t(`field.${field}`)}
                  data={WINNERS.map((winner) => ({ value: winner, label: t(`policy.winner.${winner}`) }))}
                  value={String(((fields[kind] ?? {}) as JsonObject)[field] ?? 'SOURCE')}
                  onChange={(winner) => choose(kind, field, winner)}
                  allowDeselect={false}
                />
              ))}
            </SimpleGrid>
          </Stack>
        ))}
      </Stack>
    </Card>
  );
}
