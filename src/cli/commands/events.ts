import { EventDelivery_Status as Status } from '../../../clients/typescript/src/node.js';
import { EXIT } from '../exit-codes.js';
import { printLine, printList, printMessage } from '../output.js';
import type { Session } from '../session.js';
import { optionalEnum, usualOf } from '../values.js';

export function listEvents(
  { api, json }: Session,
  [institutionId = '']: string[],
  options: { type?: string[]; integration?: string; limit?: string },
) {
  const all = api.each.listEvents({
    institutionId,
    types: options.type ?? [],
    ...(options.integration && { integrationId: options.integration }),
    pageSize: 1_000,
  });
  return printList({ json }, usualOf(all, options.limit), ['time', 'type', 'integrationId', 'id', 'data']);
}

export function listEventDeliveries(
  { api, json }: Session,
  [institutionId = '']: string[],
  options: { event?: string; subscription?: string; status?: string; limit?: string },
) {
  const status = optionalEnum(Status, options.status, '--status');
  const all = api.each.listEventDeliveries({
    institutionId,
    ...(options.event && { eventId: options.event }),
    ...(options.subscription && { subscriptionId: options.subscription }),
    ...(status && { status }),
    pageSize: 1_000,
  });
  const columns = [
    'updatedAt',
    'eventType',
    'status',
    'attempts',
    'httpStatus',
    'eventId',
    'subscriptionId',
    'lastReason',
  ];
  return printList({ json }, usualOf(all, options.limit), columns);
}

export async function replayEvent(
  { api, json }: Session,
  [institutionId = '', id = '']: string[],
  { subscription }: { subscription?: string },
) {
  const answer = await api.replayEvent({
    institutionId,
    id,
    ...(subscription && { subscriptionId: subscription }),
  });
  if (json) return printMessage(answer);
  printLine(`Told again to ${answer.subscriptions} subscriptions.`);
  return EXIT.done;
}
