import { dataDirOf } from './data-dir.js';
import { beginEarly } from './database/embedded/index.js';

/** Runs the service as `env` says. What takes longest begins before the rest is loaded. */
export async function start(env: NodeJS.ProcessEnv): Promise<void> {
  const begun = env.DATABASE_URL ? undefined : await beginEarly(dataDirOf(env.DATA_DIR));
  const { serve } = await import('./serve.js');
  await serve(env, begun);
}
