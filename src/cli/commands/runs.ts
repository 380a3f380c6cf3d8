import { toJson } from '@bufbuild/protobuf';
import { MappingEntityType } from '../../../gen/smartid/integrations/v1/mapping_pb.js';
import { type SyncRun, SyncRunSchema } from '../../../gen/smartid/integrations/v1/sync_pb.js';
import type { Integrations } from '../client.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { printable, printJson, printTable, type Row } from '../output.js';

type Options = { json?: boolean; entity?: string; watch?: boolean };

const asRow = (run: SyncRun) => toJson(SyncRunSchema, run) as Row;

export async function listRuns(client: Integrations, [id = '']: string[], { json }: Options) {
  const rows: Row[] = [];
  let pageToken = '';
  do {
    const page = await client.listSyncRuns({ id, pageToken, pageSize: 1000 });
    rows.push(...page.runs.map(asRow));
    pageToken = page.nextPageToken;
  } while (pageToken);
  if (json) printJson(rows);
  else printTable(rows, ['id', 'entityType', 'kind', 'status', 'startedAt', 'finishedAt']);
  return EXIT.done;
}

export async function showRun(client: Integrations, [id = '', runId = '']: string[]) {
  const { run } = await client.getSyncRun({ id, runId });
  printJson(run && asRow(run));
  return EXIT.done;
}

export async function cancelRun(client: Integrations, [id = '', runId = '']: string[]) {
  await client.cancelSync({ id, runId });
  process.stderr.write('The run is asked to stop.\n');
  return EXIT.done;
}

export async function sync(client: Integrations, [id = '']: string[], options: Options) {
  const name = options.entity ?? 'ALL';
  const entityType = MappingEntityType[name as keyof typeof MappingEntityType];
  if (!entityType) throw new UsageError('--entity must be COURSE, TEACHER, GROUP, STUDENT or ALL.');
  const { run } = await client.startSync({ id, entityType });
  if (options.watch) return watchRun(client, [id, run?.id ?? ''], options);
  if (options.json) printJson(run && asRow(run));
  else process.stdout.write(`${run?.id}\n`);
  return EXIT.done;
}

/** Follows a run; its last state is written to stdout with `--json`, progress to stderr. */
export async function watchRun(client: Integrations, [id = '', runId = '']: string[], { json }: Options) {
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  process.once('SIGINT', onInterrupt);
  let last: Row = {};
  let failedRows = 0;
  let shown = '';
  try {
    for await (const { run, parts } of client.watchSync({ id, runId }, { signal: stop.signal })) {
      if (!run) continue;
      last = asRow(run);
      failedRows = Math.max(...[run, ...parts].map(({ counts }) => counts?.failed ?? 0));
      const line = [last.status, last.stage].filter(Boolean).join(' ');
      if (line !== shown) process.stderr.write(`${line}\n`);
      shown = line;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write(
      `The run goes on. Follow it: smartid runs watch ${id} ${runId}\nStop it: smartid runs cancel ${id} ${runId}\n`,
    );
    return EXIT.interrupted;
  } finally {
    process.off('SIGINT', onInterrupt);
  }
  if (json) printJson(last);
  else if (last.error) process.stderr.write(`${printable(String(last.error))}\n`);
  return exitCodeOf(last.status, failedRows);
}

function exitCodeOf(status: unknown, failedRows: number): number {
  if (status === 'HELD') return EXIT.held;
  if (status !== 'COMPLETED' && status !== 'PREVIEWED') return EXIT.failed;
  return failedRows > 0 ? EXIT.failedRows : EXIT.done;
}
