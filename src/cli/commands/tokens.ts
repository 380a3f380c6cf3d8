import { randomBytes } from 'node:crypto';
import { EXIT } from '../exit-codes.js';
import { printLine, remark } from '../output.js';

/** A token for ADMIN_TOKEN, as strong as the service asks for. */
export function newToken(): number {
  printLine(randomBytes(32).toString('hex'));
  remark('Start the service with it as ADMIN_TOKEN, and give it to callers: smartid login');
  return EXIT.done;
}
