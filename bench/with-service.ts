import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningService, startService } from '../examples/demo/service.js';
import { withDatabase } from './with-database.js';

export interface BenchService extends RunningService {
  token: string;
  databaseUrl: string;
  /** Its DATA_DIR. */
  home: string;
}

/** Does something with a service on a new database of a server, and ends both. */
export async function withService<T>(server: string, use: (service: BenchService) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'smartid-bench-'));
  const token = 'bench-token-bench-token-bench-token';
  try {
    return await withDatabase(server, async (databaseUrl) => {
      const service = await startService({
        DATA_DIR: home,
        DATABASE_URL: databaseUrl,
        ADMIN_TOKEN: token,
        PORT: '0',
        HOST: '127.0.0.1',
        LOG_LEVEL: 'info',
        LOG_FORMAT: 'json',
      });
      try {
        return await use({ ...service, token, databaseUrl, home });
      } finally {
        await service.stop();
      }
    });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
