#!/usr/bin/env node
import { bundledStart } from './bundled-start.js';

const { start }: typeof import('./start.js') = await import(bundledStart() ?? './start.js');
await start(process.env);
