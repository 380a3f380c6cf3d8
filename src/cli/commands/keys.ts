import { EXIT } from '../exit-codes.js';
import { printLine, printList, printMessage } from '../output.js';
import type { Session } from '../session.js';

export async function listKeys({ api, json }: Session) {
  const { keys } = await api.listKeys({});
  return printList({ json }, keys, ['id', 'seals', 'configured', 'integrationCount']);
}

export async function rotateKeys({ api, json }: Session) {
  const answer = await api.rotateKeys({});
  if (json) return printMessage(answer);
  printLine('All credentials are sealed with the first key. `smartid keys list` shows which keys may go.');
  return EXIT.done;
}
