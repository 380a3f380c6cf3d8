import { randomBytes } from 'node:crypto';
import { EXIT } from '../exit-codes.js';
import { printLine, remark } from '../output.js';

/** A token for ADMIN_TOKEN or API_TOKENS, as strong as the service asks for. */
export function newToken(): number {
  printLine(randomBytes(32).toString('hex'));
  remark(
    'Start the service with API_TOKENS=name:token, or with it as ADMIN_TOKEN; its caller keeps it by: smartid login',
  );
  return EXIT.done;
}
