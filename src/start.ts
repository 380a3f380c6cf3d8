import { dataDirOf } from './data-dir.js';
import { beginEarly } from './database/embedded/index.js';

// What takes longest begins before the rest is loaded.
const begun = process.env.DATABASE_URL ? undefined : await beginEarly(dataDirOf(process.env.DATA_DIR));
const { serve } = await import('./serve.js');
await serve(process.env, begun);
