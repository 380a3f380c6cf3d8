import {
  type SyncChange,
  SyncChange_Action,
  SyncChange_Entity,
  SyncChange_Outcome,
} from '@gen/smartid/integrations/v1/sync_pb.js';
import { Anchor, Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Differences } from '../../ui/differences.js';
import { EntityName } from '../../ui/entity-name.js';
import { StateBadge } from '../../ui/status-badge.js';

const COLORS = {
  CREATE: 'teal',
  UPDATE: 'blue',
  RESTORE: 'green',
  DEACTIVATE: 'orange',
  MISSING: 'yellow',
  LINK: 'cyan',
  UNLINK: 'gray',
  DELETE: 'red',
  REKEY: 'grape',
} as const;

/** Whom a change is about, what happens, and the fields before and after. */
export function ChangeRow({ change, institutionId }: { change: SyncChange; institutionId: string }) {
  const { t } = useTranslation();
  const action = SyncChange_Action[change.action] as keyof typeof COLORS;
  const isRefused = change.outcome !== SyncChange_Outcome.OUTCOME_UNSPECIFIED;
  const outcome = SyncChange_Outcome[change.outcome] as 'MOVED' | 'REFUSED';
  return (
    <Stack gap={6} px="lg" py="sm" style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}>
      <Group gap="sm" wrap="wrap">
        <StateBadge color={COLORS[action] ?? 'gray'} label={t(`changes.action.${action}`)} />
        <Text fw={600} component="span" className="breakable">
          <Subject change={change} institutionId={institutionId} />
        </Text>
        <Text size="sm" c="dimmed" component="span" className="breakable">
          {change.externalId}
          {change.line !== undefined && ` · ${t('issues.line', { line: change.line })}`}
        </Text>
        {isRefused && <StateBadge color="red" label={t(`changes.outcome.${outcome}`)} />}
      </Group>
      {change.reason && <Text size="sm">{change.reason}</Text>}
      <Differences before={change.before} after={change.after} />
    </Stack>
  );
}

function Subject({ change, institutionId }: { change: SyncChange; institutionId: string }) {
  const { entity, internalId, after, before } = change;
  const said = { ...before, ...after };
  const name = [said.givenName, said.familyName].filter(Boolean).join(' ') || String(said.name ?? '');
  if (entity !== SyncChange_Entity.STUDENT && entity !== SyncChange_Entity.TEACHER)
    return <>{name || internalId.slice(0, 8)}</>;
  const kind = entity === SyncChange_Entity.STUDENT ? 'STUDENT' : 'TEACHER';
  return (
    <Anchor component={Link} to={`/console/people/${institutionId}/${kind}/${internalId}`} inherit>
      {said.givenName && said.familyName ? (
        name
      ) : (
        <EntityName institutionId={institutionId} kind={kind} id={internalId} />
      )}
    </Anchor>
  );
}
