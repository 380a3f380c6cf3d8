import { useTranslation } from 'react-i18next';

/** What people look for; the audit has others, which show by the name that the service gives them. */
export const AUDIT_ACTIONS = [
  'integration.created',
  'integration.updated',
  'integration.deleted',
  'sync_run.started',
  'sync_run.canceled',
  'sync_run.approved',
  'sync_run.discarded',
  'conflict.resolved',
  'conflict.resolved_in_bulk',
  'mapping.repaired',
  'student.updated',
  'teacher.updated',
  'attendance.recorded',
  'attendance.sent',
  'schedule.set',
  'schedule.deleted',
  'subscription.created',
  'subscription.updated',
  'subscription.deleted',
  'webhook_secret.created',
  'webhook_secret.rotated',
  'webhook_secret.deleted',
  'call.refused',
] as const;

/** An action in words. */
export function useActionName(): (action: string) => string {
  const { t, i18n } = useTranslation();
  return (action) => {
    const key = `audit.actions.${action}`;
    return i18n.exists(key) ? t(key as 'audit.actions.sync_run.started') : action;
  };
}
