import { type Mapping, Mapping_Status } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { Anchor, Button, Group, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { type EntityKind, EntityName } from '../../ui/entity-name.js';
import { StateBadge } from '../../ui/status-badge.js';

interface MappingRowProps {
  mapping: Mapping;
  kind: EntityKind;
  institutionId: string;
  onHistory: () => void;
  onRepair: () => void;
}

/** A pair of ids, whose they are, and what can be done. */
export function MappingRow({ mapping, kind, institutionId, onHistory, onRepair }: MappingRowProps) {
  const { t } = useTranslation();
  const { externalId, internalId, status } = mapping;
  const name = <EntityName institutionId={institutionId} kind={kind} id={internalId} />;
  return (
    <Group
      px="lg"
      py="xs"
      gap="sm"
      justify="space-between"
      style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}
    >
      <div style={{ flex: '1 1 220px', minWidth: 0 }}>
        <Group gap="xs">
          <Text fw={650} className="breakable">
            {externalId}
          </Text>
          {kind === 'STUDENT' || kind === 'TEACHER' ? (
            <Anchor component={Link} to={`/console/people/${institutionId}/${kind}/${internalId}`}>
              {name}
            </Anchor>
          ) : (
            <Text>{name}</Text>
          )}
          {status === Mapping_Status.MISSING && <StateBadge color="yellow" label={t('mappings.missing')} />}
        </Group>
        <Text size="xs" c="dimmed" ff="monospace" className="breakable">
          {internalId}
        </Text>
      </div>
      <Group gap="xs" wrap="nowrap">
        <Button
          variant="default"
          size="xs"
          onClick={onHistory}
          aria-label={t('mappings.showOf', { id: externalId })}
        >
          {t('mappings.history')}
        </Button>
        <Button
          variant="default"
          size="xs"
          onClick={onRepair}
          aria-label={t('repair.openOf', { id: externalId })}
        >
          {t('repair.open')}
        </Button>
      </Group>
    </Group>
  );
}
