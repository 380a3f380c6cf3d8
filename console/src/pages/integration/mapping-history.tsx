import { useQuery } from '@connectrpc/connect-query';
import type { Mapping } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { SyncChange_Action } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Anchor, Loader, Text, Timeline } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { integrationsApi } from '../../api/clients.js';
import { pathOf } from '../../api/runs.js';
import { Dialog } from '../../ui/dialog.js';
import { ErrorNote } from '../../ui/error-note.js';
import { When } from '../../ui/when.js';

interface MappingHistoryProps {
  mapping: Mapping;
  zone: string;
  onClose: () => void;
}

/** What became of a pair of ids, the newest first. */
export function MappingHistory({ mapping, zone, onClose }: MappingHistoryProps) {
  const { t } = useTranslation();
  const { integrationId, entityType, internalId, externalId } = mapping;
  const { data, error, isPending } = useQuery(integrationsApi.getMappingHistory, {
    id: integrationId,
    entityType,
    internalId,
  });
  const entries = data?.entries ?? [];
  return (
    <Dialog onClose={onClose} title={t('mappings.historyOf', { id: externalId })}>
      <ErrorNote error={error} />
      {isPending && <Loader role="img" aria-label={t('common.loading')} />}
      <Timeline bulletSize={14} lineWidth={2}>
        {entries.map((entry) => (
          <Timeline.Item
            key={`${entry.runId} ${entry.action}`}
            title={t(`changes.action.${SyncChange_Action[entry.action] as 'CREATE'}`)}
          >
            <Text size="sm" className="breakable">
              {entry.formerExternalId && `${entry.formerExternalId} → `}
              {entry.externalId}
              {entry.reason && ` · ${entry.reason}`}
            </Text>
            <Anchor component={Link} size="sm" to={pathOf({ integrationId, id: entry.runId })}>
              <When at={entry.changedAt} zone={zone} />
            </Anchor>
          </Timeline.Item>
        ))}
      </Timeline>
    </Dialog>
  );
}
