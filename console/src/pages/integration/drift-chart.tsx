import '@mantine/charts/styles.css';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { DriftCheck } from '@gen/smartid/integrations/v1/schedule_service_pb.js';
import { BarChart } from '@mantine/charts';
import { useTranslation } from 'react-i18next';

interface DriftChartProps {
  /** The oldest first. */
  checks: readonly DriftCheck[];
  zone: string;
  label: string;
}

/** A bar for each preview, as high as what a sync would have changed. */
export default function DriftChart({ checks, zone, label }: DriftChartProps) {
  const { t, i18n } = useTranslation();
  const format = new Intl.DateTimeFormat(i18n.language, {
    day: 'numeric',
    month: 'short',
    hour: 'numeric',
    minute: '2-digit',
    timeZone: zone,
  });
  const number = new Intl.NumberFormat(i18n.language);
  return (
    <div role="img" aria-label={label}>
      <BarChart
        h={120}
        data={checks.map(({ at, distance }) => ({
          at: at ? format.format(timestampDate(at)) : '',
          distance,
        }))}
        dataKey="at"
        series={[{ name: 'distance', label: t('drift.changes'), color: 'brand.5' }]}
        valueFormatter={(value) => number.format(value)}
        tickLine="none"
        withXAxis={false}
        yAxisProps={{ width: 48, allowDecimals: false }}
        maxBarWidth={18}
      />
    </div>
  );
}
