import type { JsonObject } from '@bufbuild/protobuf';
import { useMutation } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Button, Card, Group, NumberInput, Select, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { ErrorNote } from '../../ui/error-note.js';
import { SavedNote } from '../../ui/saved-note.js';

/** Numbers of the policy: where each stands, what it is at most, and what it is when nothing is said. */
const NUMBERS = [
  { name: 'graceRuns', group: undefined, max: 1_000, standard: 1 },
  { name: 'graceDays', group: undefined, max: 10_000, standard: undefined },
  { name: 'deactivatedPercent', group: 'guard', max: 100, standard: 10 },
  { name: 'changedPercent', group: 'guard', max: 100, standard: 75 },
  { name: 'floor', group: 'guard', max: 1_000_000, standard: 5 },
  { name: 'baselineDays', group: 'guard', max: 10_000, standard: 28 },
  { name: 'link', group: 'correlation', max: 1, standard: 0.9 },
  { name: 'conflict', group: 'correlation', max: 1, standard: 0.5 },
] as const;
const PEOPLE = ['STUDENT', 'TEACHER'] as const;
const FIELDS = ['givenName', 'familyName', 'email', 'nationalId', 'code'] as const;
const WINNERS = ['SOURCE', 'SMARTID', 'FILL'] as const;

/** How careful syncs are, and who wins where both sides say something. */
export function Policy({ integration }: { integration: Integration }) {
  const { t } = useTranslation();
  const [policy, setPolicy] = useState<JsonObject>(integration.policy ?? {});
  const update = useMutation(integrationsApi.updateIntegration);
  const groupOf = (name: string | undefined) => (name ? ((policy[name] ?? {}) as JsonObject) : policy);
  const set = (group: string | undefined, name: string, value: number | string | undefined) => {
    const { [name]: _, ...rest } = groupOf(group);
    const changed: JsonObject = value === undefined ? rest : { ...rest, [name]: value };
    setPolicy(group ? { ...policy, [group]: changed } : changed);
  };
  const save = () => {
    const gone = Object.keys(integration.policy ?? {}).filter((name) => policy[name] === undefined);
    const merged = { ...policy, ...Object.fromEntries(gone.map((name) => [name, null])) };
    update.mutate({ id: integration.id, policy: merged });
  };
  return (
    <Stack gap="lg">
      <Card>
        <Stack>
          <Title order={2}>{t('policy.title')}</Title>
          <Text c="dimmed">{t('policy.text')}</Text>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            {NUMBERS.map(({ name, group, max, standard }) => (
              <NumberInput
                key={name}
                label={t(`policy.${name}`)}
                description={t(`policy.help.${name}`)}
                min={0}
                max={max}
                step={max === 1 ? 0.05 : 1}
                placeholder={standard === undefined ? t('policy.never') : String(standard)}
                value={(groupOf(group)[name] as number | undefined) ?? ''}
                onChange={(value) => set(group, name, value === '' ? undefined : Number(value))}
              />
            ))}
          </SimpleGrid>
        </Stack>
      </Card>
      <Winners policy={policy} onChange={setPolicy} />
      <ErrorNote error={update.error} />
      <Group>
        <Button onClick={save} loading={update.isPending}>
          {t('common.save')}
        </Button>
        <SavedNote isShown={update.isSuccess} />
      </Group>
    </Stack>
  );
}

/** Who wins, field by field. */
function Winners({ policy, onChange }: { policy: JsonObject; onChange: (policy: JsonObject) => void }) {
  const { t } = useTranslation();
  const fields = (policy.fields ?? {}) as JsonObject;
  const choose = (kind: string, field: string, winner: string | null) => {
    const { [field]: _, ...rest } = (fields[kind] ?? {}) as JsonObject;
    const changed = winner === null || winner === 'SOURCE' ? rest : { ...rest, [field]: winner };
    onChange({ ...policy, fields: { ...fields, [kind]: changed } });
  };
  return (
    <Card>
      <Stack>
        <Title order={2}>{t('policy.winners')}</Title>
        <Text c="dimmed">{t('policy.winnersText')}</Text>
        {PEOPLE.map((kind) => (
          <Stack key={kind} gap="xs">
            <Title order={3} fz="md" tt="capitalize">
              {t(`entity.${kind}`)}
            </Title>
            <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
              {FIELDS.map((field) => (
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
