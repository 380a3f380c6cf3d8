#!/usr/bin/env node
import { bundledStart } from './bundled-start.js';

await import(bundledStart() ?? './start.js');
