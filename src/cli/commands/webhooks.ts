import { ReceivedWebhook_Status as Status } from '../../../clients/typescript/src/node.js';
import { agreeTo } from '../ask.js';
import { EXIT } from '../exit-codes.js';
import { printDone, printJson, printList, printSecret } from '../output.js';
import { asJson, type Session } from '../session.js';
import { optionalEnum, usualOf, wholeNumber } from '../values.js';

export function listWebhooks(
  { api, json }: Session,
  [id = '']: string[],
  options: { status?: string; limit?: string },
) {
  const status = optionalEnum(Status, options.status, '--status');
  const all = api.each.listReceivedWebhooks({ id, pageSize: 1_000, ...(status && { status }) });
  const columns = ['receivedAt', 'kind', 'status', 'webhookId', 'changes', 'runIds', 'reason'];
  return printList({ json }, usualOf(all, options.limit), columns);
}

export async function showWebhook({ api }: Session, [id = '', webhookId = '']: string[]) {
  printJson(asJson(await api.getReceivedWebhook({ id, webhookId })));
  return EXIT.done;
}

export async function listSecrets({ api, json }: Session, [id = '']: string[]) {
  const { webhookSecrets } = await api.listWebhookSecrets({ id });
  return printList({ json }, webhookSecrets, ['id', 'createdAt', 'expiresAt']);
}

export async function createSecret(session: Session, [id = '']: string[]) {
  const { webhookSecret, secret } = await session.api.createWebhookSecret({ id });
  return printSecret(session, 'webhookSecret', webhookSecret, secret);
}

export async function rotateSecret(session: Session, [id = '']: string[], { overlap }: { overlap?: string }) {
  const { webhookSecret, secret } = await session.api.rotateWebhookSecret({
    id,
    ...(overlap !== undefined && { overlapSeconds: wholeNumber(overlap, '--overlap') }),
  });
  return printSecret(session, 'webhookSecret', webhookSecret, secret);
}

export async function deleteSecret(
  { api, json }: Session,
  [id = '', secretId = '']: string[],
  { yes }: { yes?: boolean },
) {
  await agreeTo('What is signed with this secret is refused from now on.', yes);
  await api.deleteWebhookSecret({ id, secretId });
  return printDone({ json }, 'Removed.');
}
