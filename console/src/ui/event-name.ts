import { useTranslation } from 'react-i18next';

/** Every type of event that one can subscribe to. */
export const EVENT_TYPES = [
  'sync.completed',
  'sync.held',
  'sync.failed',
  'conflict.created',
  'attendance.delivered',
  'attendance.failed',
  'roster.changed',
  'integration.error',
] as const;

/** What an event says in a few words; the type of one that a newer service has. */
export function useEventName(): (type: string) => string {
  const { t, i18n } = useTranslation();
  return (type) => {
    const key = `events.type.${type}`;
    return i18n.exists(key) ? t(key as 'events.type.sync.completed') : type;
  };
}
