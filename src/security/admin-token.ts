import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../config.js';
import { readOrMakePrivateFile } from './private-file.js';

/** The bearer token of ADMIN_TOKEN, or one kept under DATA_DIR; `made` when this start made it. */
export async function loadAdminToken({ adminToken, dataDir }: Pick<Config, 'adminToken' | 'dataDir'>) {
  if (adminToken) return { token: adminToken.reveal(), made: false };
  const { text, made } = await readOrMakePrivateFile(
    join(dataDir, 'admin-token'),
    () => `${randomBytes(32).toString('hex')}\n`,
  );
  return { token: text.trim(), made };
}
