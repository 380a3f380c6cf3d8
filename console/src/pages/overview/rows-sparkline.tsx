import '@mantine/charts/styles.css';
import { Sparkline } from '@mantine/charts';

/** Rows of the last syncs, the oldest first; loaded when there is something to draw. */
export default function RowsSparkline({ rows, label }: { rows: number[]; label: string }) {
  return (
    <div role="img" aria-label={label}>
      <Sparkline h={44} data={rows} curveType="monotone" color="brand.5" fillOpacity={0.25} strokeWidth={2} />
    </div>
  );
}
