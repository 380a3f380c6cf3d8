import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { useTranslation } from 'react-i18next';

export interface WhenProps {
  at: Timestamp | undefined;
  /** Zone of the institution, by its IANA name; of the browser where it is not known. */
  zone?: string | undefined;
  /** What stands there when there is no time. */
  none?: string;
}

/** A moment, in the zone of the institution; the zone is told where one points at it. */
export function When({ at, zone, none = '—' }: WhenProps) {
  const { i18n } = useTranslation();
  if (!at) return <>{none}</>;
  const date = timestampDate(at);
  const shown = new Intl.DateTimeFormat(i18n.language, {
    dateStyle: 'medium',
    timeStyle: 'short',
    ...(zone && { timeZone: zone }),
  }).format(date);
  return (
    <time dateTime={date.toISOString()} title={zone}>
      {shown}
    </time>
  );
}

/** How long ago, or how far ahead, in words. */
export function agoOf(at: Timestamp, language: string, now = Date.now()): string {
  const seconds = Math.round((timestampDate(at).getTime() - now) / 1_000);
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  for (const [unit, size] of UNITS)
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  return format.format(seconds, 'second');
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;
