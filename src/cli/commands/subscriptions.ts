import { agreeTo } from '../ask.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { printDone, printJson, printLine, printList, printMessage, printSecret } from '../output.js';
import { asJson, type Session } from '../session.js';
import { wholeNumber } from '../values.js';

interface Settings {
  url?: string;
  type?: string[];
  description?: string;
  enable?: boolean;
  disable?: boolean;
}

export function listSubscriptions({ api, json }: Session, [institutionId = '']: string[]) {
  const all = api.each.listSubscriptions({ institutionId, pageSize: 1_000 });
  const columns = ['id', 'enabled', 'url', 'types', 'description', 'failingSince', 'disabledReason'];
  return printList({ json }, all, columns);
}

export async function createSubscription(
  session: Session,
  [institutionId = '', url = '']: string[],
  { type = [], description = '' }: Settings,
) {
  const answer = await session.api.createSubscription({ institutionId, url, types: type, description });
  return printSecret(session, 'subscription', answer.subscription, answer.secret);
}

export async function updateSubscription(
  { api, json }: Session,
  [institutionId = '', id = '']: string[],
  { url, type, description, enable, disable }: Settings,
) {
  if (enable && disable) throw new UsageError('Either --enable or --disable.');
  if ([url, type, description, enable, disable].every((given) => given === undefined))
    throw new UsageError('Say what to change: --url, --type, --description, --enable or --disable.');
  const { subscription } = await api.updateSubscription({
    institutionId,
    id,
    ...(url !== undefined && { url }),
    ...(type && { types: type }),
    ...(description !== undefined && { description }),
    ...((enable || disable) && { enabled: enable === true }),
  });
  if (json) return printMessage(subscription);
  printLine(`${subscription?.url} ${subscription?.enabled ? 'is told' : 'is not told'}.`);
  return EXIT.done;
}

export async function deleteSubscription(
  { api, json }: Session,
  [institutionId = '', id = '']: string[],
  { yes }: { yes?: boolean },
) {
  const { subscription } = await api.getSubscription({ institutionId, id });
  await agreeTo(`${subscription?.url} is told nothing any more, nor what waits for it.`, yes);
  await api.deleteSubscription({ institutionId, id });
  return printDone({ json }, 'Removed.');
}

export async function testSubscription({ api, json }: Session, [institutionId = '', id = '']: string[]) {
  const answer = await api.testSubscription({ institutionId, id });
  if (json) printJson(asJson(answer, { emptyToo: true }));
  else printLine(answer.message);
  return answer.success ? EXIT.done : EXIT.failed;
}

export async function rotateSubscriptionSecret(
  session: Session,
  [institutionId = '', id = '']: string[],
  { overlap }: { overlap?: string },
) {
  const { subscription, secret } = await session.api.rotateSubscriptionSecret({
    institutionId,
    id,
    ...(overlap !== undefined && { overlapSeconds: wholeNumber(overlap, '--overlap') }),
  });
  return printSecret(session, 'subscription', subscription, secret);
}
