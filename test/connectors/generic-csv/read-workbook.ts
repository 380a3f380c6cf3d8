// Reads students.xlsx of a folder as a process of its own; tells how it ended, and its memory at the most.
import { existsSync, readFileSync } from 'node:fs';
import { csvConfig } from '../../../src/connectors/generic-csv/csv-config.js';
import { CsvSource } from '../../../src/connectors/generic-csv/csv-source.js';
import { localFolder } from '../../../src/connectors/generic-csv/local-folder.js';
import { createPathJail } from '../../../src/security/index.js';

const config = csvConfig.parse({ importPath: '.', files: { students: 'students.xlsx' } });
const folder = localFolder(createPathJail(process.argv[2] as string), '.');
const { signal } = new AbortController();
const source = new CsvSource({ config, folder, signal, integrationId: 'any' });
let records = 0;
let message: string | undefined;
const begun = performance.now();
try {
  for await (const page of source.entities('students'))
    records += 'lines' in page ? page.lines.length : page.records.length;
} catch (error) {
  message = (error as Error).message;
}
// What getrusage tells may be that of the process which started this one.
const STATUS = '/proc/self/status';
const peakKib = existsSync(STATUS)
  ? Number(/VmHWM:\s*(\d+)/.exec(readFileSync(STATUS, 'utf8'))?.[1])
  : process.resourceUsage().maxRSS;
const rssMib = Math.round(peakKib / 1024);
process.stdout.write(JSON.stringify({ records, message, rssMib, ms: Math.round(performance.now() - begun) }));
