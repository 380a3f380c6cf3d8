import cronstrue from 'cronstrue';
import 'cronstrue/locales/es.js';
import { useTranslation } from 'react-i18next';

export type Rhythm = 'daily' | 'weekdays' | 'weekly' | 'hourly' | 'custom';

/** What a pattern means that the form can make; everything else is `custom`. */
export interface Simple {
  rhythm: Rhythm;
  /** HH:MM. */
  time: string;
}

const NUMBER = /^\d{1,2}$/;
const DAYS: Readonly<Record<string, Rhythm>> = { '*': 'daily', '1-5': 'weekdays', '1': 'weekly' };

export function simpleOf(cron: string): Simple {
  const [minute = '', hour = '', day, month, weekday = ''] = cron.trim().split(/\s+/);
  const time = `${(NUMBER.test(hour) ? hour : '0').padStart(2, '0')}:${(NUMBER.test(minute) ? minute : '0').padStart(2, '0')}`;
  if (day !== '*' || month !== '*' || !NUMBER.test(minute)) return { rhythm: 'custom', time };
  if (hour === '*' && weekday === '*') return { rhythm: 'hourly', time };
  const rhythm = NUMBER.test(hour) ? DAYS[weekday] : undefined;
  return { rhythm: rhythm ?? 'custom', time };
}

export function cronOf({ rhythm, time }: Simple, custom: string): string {
  const [hour, minute] = time.split(':').map(Number);
  if (rhythm === 'custom') return custom;
  if (rhythm === 'hourly') return `${minute ?? 0} * * * *`;
  const weekday = Object.keys(DAYS).find((key) => DAYS[key] === rhythm);
  return `${minute ?? 0} ${hour ?? 0} * * ${weekday}`;
}

/** A pattern as a sentence; itself while it is none. */
export function useCronInWords(): (cron: string) => string {
  const { t, i18n } = useTranslation();
  return (cron) => {
    const { rhythm, time } = simpleOf(cron);
    if (rhythm !== 'custom') return t(`schedule.words.${rhythm}`, { time, minute: time.slice(3) });
    try {
      return cronstrue.toString(cron, { locale: i18n.language, use24HourTimeFormat: true });
    } catch {
      return cron;
    }
  };
}
