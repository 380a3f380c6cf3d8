import type { Mapping } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { Button, Radio, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog } from '../../ui/dialog.js';
import { type EntityKind, useEntityName } from '../../ui/entity-name.js';
import { MergeMapping } from './repairs/merge-mapping.js';
import { RekeyMapping } from './repairs/rekey-mapping.js';
import { UnlinkMapping } from './repairs/unlink-mapping.js';

const REPAIRS = ['rekey', 'merge', 'unlink'] as const;
type Repair = (typeof REPAIRS)[number];

interface RepairMappingProps {
  mapping: Mapping;
  kind: EntityKind;
  institutionId: string;
  onClose: () => void;
}

/** Repairs of a pair of ids by hand. Each says first what will happen. */
export function RepairMapping({ mapping, kind, institutionId, onClose }: RepairMappingProps) {
  const { t } = useTranslation();
  const [repair, setRepair] = useState<Repair>('rekey');
  const [isDone, setIsDone] = useState(false);
  const { internalId, externalId } = mapping;
  const who = useEntityName(institutionId, kind, internalId) ?? internalId.slice(0, 8);
  const parts = { mapping, kind, institutionId, who, onClose, onDone: () => setIsDone(true) };
  return (
    <Dialog onClose={onClose} size="lg" title={t('repair.title', { id: externalId })}>
      {isDone ? (
        <Stack align="flex-start">
          <Text role="status">{t('repair.done')}</Text>
          <Button onClick={onClose}>{t('common.close')}</Button>
        </Stack>
      ) : (
        <Stack>
          <Radio.Group
            label={t('repair.what')}
            value={repair}
            onChange={(value) => setRepair(value as Repair)}
          >
            <Stack gap="xs" mt="xs">
              {REPAIRS.map((value) => (
                <Radio key={value} value={value} label={t(`repair.kind.${value}`)} />
              ))}
            </Stack>
          </Radio.Group>
          {repair === 'rekey' && <RekeyMapping {...parts} />}
          {repair === 'merge' && <MergeMapping {...parts} />}
          {repair === 'unlink' && <UnlinkMapping {...parts} />}
        </Stack>
      )}
    </Dialog>
  );
}
