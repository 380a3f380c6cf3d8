import type { JsonObject } from '@bufbuild/protobuf';
import { useMutation } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Button, Card, Group, NumberInput, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { ErrorNote } from '../../ui/error-note.js';
import { SavedNote } from '../../ui/saved-note.js';
import { Winners } from './winners.js';

/** Numbers of the policy: where each stands, what it is at most, and what it is when nothing is said. */
const SECTIONS = {
  absence: [
    { name: 'graceRuns', group: undefined, max: 1_000, standard: 1 },
    { name: 'graceDays', group: undefined, max: 10_000, standard: undefined },
  ],
  guard: [
    { name: 'deactivatedPercent', group: 'guard', max: 100, standard: 10 },
    { name: 'changedPercent', group: 'guard', max: 100, standard: 75 },
    { name: 'floor', group: 'guard', max: 1_000_000, standard: 5 },
    { name: 'baselineDays', group: 'guard', max: 10_000, standard: 28 },
  ],
  correlation: [
    { name: 'link', group: 'correlation', max: 1, standard: 0.9 },
    { name: 'conflict', group: 'correlation', max: 1, standard: 0.5 },
  ],
} as const;
const WHOLE = ['graceRuns', 'floor'];
type Section = keyof typeof SECTIONS;

/** How careful syncs are, and who wins where both sides say something: every field that a policy has. */
export function Policy({ integration }: { integration: Integration }) {
  const { t } = useTranslation();
  const [policy, setPolicy] = useState<JsonObject>(integration.policy ?? {});
  const update = useMutation(integrationsApi.updateIntegration);
  const groupOf = (name: string | undefined) => (name ? ((policy[name] ?? {}) as JsonObject) : policy);
  const set = (group: string | undefined, name: string, value: number | undefined) => {
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
      <Text c="dimmed">{t('policy.text')}</Text>
      {(Object.keys(SECTIONS) as Section[]).map((section) => (
        <Card key={section}>
          <Stack>
            <Title order={2}>{t(`policy.groups.${section}`)}</Title>
            <Text size="sm">{t(`policy.explain.${section}`, valuesOf(policy))}</Text>
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              {SECTIONS[section].map(({ name, group, max, standard }) => (
                <NumberInput
                  key={name}
                  label={t(`policy.${name}`)}
                  description={t(`policy.help.${name}`)}
                  min={0}
                  max={max}
                  step={max === 1 ? 0.05 : 1}
                  allowDecimal={!WHOLE.includes(name)}
                  placeholder={standard === undefined ? t('policy.never') : String(standard)}
                  value={(groupOf(group)[name] as number | undefined) ?? ''}
                  onChange={(value) => set(group, name, value === '' ? undefined : Number(value))}
                />
              ))}
            </SimpleGrid>
          </Stack>
        </Card>
      ))}
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

/** What the sentences above the fields say: what is set, else what holds when nothing is. */
function valuesOf(policy: JsonObject) {
  const guard = (policy.guard ?? {}) as Record<string, number>;
  const { link = 0.9, conflict = 0.5 } = (policy.correlation ?? {}) as Record<string, number>;
  return {
    count: (policy.graceRuns as number | undefined) ?? 1,
    deactivated: guard.deactivatedPercent ?? 10,
    changed: guard.changedPercent ?? 75,
    floor: guard.floor ?? 5,
    link: Math.round(link * 100),
    conflict: Math.round(conflict * 100),
  };
}
