import type { RotateKeysResponse } from '../../../clients/typescript/src/node.js';
import { EXIT } from '../exit-codes.js';
import { printLine, printList, printMessage, remark } from '../output.js';
import type { Session } from '../session.js';

/** What a key seals: one may go when all of these are 0. */
const COUNTS = ['integrationCount', 'subscriptionCount', 'webhookSecretCount'];

export async function listKeys({ api, json }: Session) {
  const { keys } = await api.listKeys({});
  return printList({ json }, keys, ['id', 'seals', 'configured', ...COUNTS]);
}

export async function rotateKeys({ api, json }: Session) {
  const answer = await api.rotateKeys({});
  if (json) printMessage(answer);
  else if (answer.success)
    printLine('All credentials are sealed with the first key. `smartid keys list` shows which keys may go.');
  else sayWhatStays(answer);
  return answer.success ? EXIT.done : EXIT.failed;
}

function sayWhatStays({ resealedCount, errorCount, errors }: RotateKeysResponse): void {
  printLine(
    `${resealedCount} sealed with the first key, ${errorCount} stay as they were. Once that is mended, rotate again.`,
  );
  for (const error of errors) remark(error);
}
