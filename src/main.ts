#!/usr/bin/env node
import { postgresProgram } from './database/embedded/index.js';

// What takes longest begins before the rest is loaded. Should it fail, whoever needs it says so.
if (!process.env.DATABASE_URL) postgresProgram().catch(() => {});
const { serve } = await import('./serve.js');
await serve(process.env);
