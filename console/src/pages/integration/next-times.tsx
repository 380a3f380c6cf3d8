import { List, Text } from '@mantine/core';
import { Cron } from 'croner';
import { useTranslation } from 'react-i18next';
import type { Days } from './blackout-rows.js';

const SHOWN = 5;
/** So many times are looked at: behind a long holiday there are others. */
const LOOKED_AT = 400;

interface NextTimesOfProps {
  cron: string;
  zone: string;
  blackouts: readonly Days[];
  pausedUntil: Date | undefined;
}

/**
 * When a schedule that is still being written would start. Once it is stored, the service also minds which times the
 * clocks skip or repeat.
 */
export function NextTimesOf({ cron, zone, blackouts, pausedUntil }: NextTimesOfProps) {
  const { t } = useTranslation();
  const times = timesOf(cron, zone, blackouts, pausedUntil);
  if (times === undefined) return <Text size="sm">{t('schedule.noPattern')}</Text>;
  return <NextTimes times={times} zone={zone} />;
}

/** The next times in words, in the zone of the school. */
export function NextTimes({ times, zone }: { times: readonly Date[]; zone: string }) {
  const { t, i18n } = useTranslation();
  const format = new Intl.DateTimeFormat(i18n.language, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    hour: 'numeric',
    minute: '2-digit',
    timeZone: zone,
  });
  const relative = new Intl.RelativeTimeFormat(i18n.language, { numeric: 'auto' });
  const sentence = (time: Date) => {
    const days = daysAhead(time, zone);
    const said = days <= 1 ? `${relative.format(days, 'day')}, ${format.format(time)}` : format.format(time);
    return said.charAt(0).toLocaleUpperCase(i18n.language) + said.slice(1);
  };
  return (
    <div>
      <Text size="sm" c="dimmed">
        {t('schedule.next')}
      </Text>
      {times.length === 0 && <Text size="sm">{t('schedule.noNext')}</Text>}
      <List size="sm">
        {times.map((time) => (
          <List.Item key={time.getTime()}>
            <time dateTime={time.toISOString()}>{sentence(time)}</time>
          </List.Item>
        ))}
      </List>
    </div>
  );
}

function timesOf(
  cron: string,
  zone: string,
  blackouts: readonly Days[],
  pausedUntil: Date | undefined,
): Date[] | undefined {
  try {
    const from = pausedUntil && pausedUntil.getTime() > Date.now() ? pausedUntil : undefined;
    return new Cron(cron, { timezone: zone, paused: true, mode: '5-part' })
      .nextRuns(LOOKED_AT, from)
      .filter((time) => !blackouts.some((days) => isWithin(time, days, zone)))
      .slice(0, SHOWN);
  } catch {
    return undefined;
  }
}

/** Whether it is on these days of the zone; or between these moments. */
function isWithin(time: Date, { from, to }: Days, zone: string): boolean {
  if (from === '' || to === '') return false;
  if (from.length > 10) return time >= new Date(from) && time < new Date(to);
  const day = dayOf(time, zone);
  return day >= from && day <= to;
}

/** YYYY-MM-DD there. */
function dayOf(time: Date, zone: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone }).format(time);
}

function daysAhead(time: Date, zone: string): number {
  const [there, today] = [time, new Date()].map((date) => Date.parse(dayOf(date, zone))) as [number, number];
  return Math.round((there - today) / 86_400_000);
}
