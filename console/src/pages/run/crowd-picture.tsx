import type { SyncRun } from '@gen/smartid/integrations/v1/sync_pb.js';
import { Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { entityOf } from '../../ui/run-list.js';

/** Figures in the picture: each stands for as many people. */
const FIGURES = 100;
const COLUMNS = 25;

/** Who would go, as a crowd: each figure is a part of all who are there now. */
export function CrowdPicture({ run }: { run: SyncRun }) {
  const { t, i18n } = useTranslation();
  const { missing = 0, deactivated = 0, unchanged = 0, updated = 0 } = run.counts ?? {};
  const going = missing + deactivated;
  const all = going + unchanged + updated;
  if (going === 0 || all === 0) return null;
  const figures = Math.min(FIGURES, all);
  const gone = Math.max(1, Math.round((going / all) * figures));
  const number = new Intl.NumberFormat(i18n.language);
  const said = t('plan.crowd', {
    going: number.format(going),
    all: number.format(all),
    what: t(`entity.${entityOf(run)}`),
  });
  return (
    <Stack gap={6}>
      <svg
        viewBox={`0 0 ${COLUMNS * 12} ${Math.ceil(figures / COLUMNS) * 18}`}
        role="img"
        aria-label={said}
        style={{ width: '100%', maxWidth: 560 }}
      >
        {Array.from({ length: figures }, (_, index) => (
          <Figure key={index.toString()} index={index} isGoing={index >= figures - gone} />
        ))}
      </svg>
      <Text size="sm">{said}</Text>
    </Stack>
  );
}

function Figure({ index, isGoing }: { index: number; isGoing: boolean }) {
  const [x, y] = [(index % COLUMNS) * 12, Math.floor(index / COLUMNS) * 18];
  const color = isGoing ? 'var(--mantine-color-orange-6)' : 'var(--mantine-color-gray-5)';
  const look = isGoing ? { fill: 'none', stroke: color, strokeWidth: 1.2 } : { fill: color };
  return (
    <g transform={`translate(${x} ${y})`} {...look}>
      <circle cx="6" cy="4" r="2.6" />
      <path d="M2 15v-3.5a4 4 0 0 1 8 0V15z" />
    </g>
  );
}
