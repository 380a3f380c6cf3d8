import { ConnectError } from '@connectrpc/connect';
import {
  SyncRun_Kind as Kind,
  MappingEntityType,
  SyncRun_Status as Status,
  type SyncRun,
} from '../../../clients/typescript/src/node.js';
import { EXIT } from '../exit-codes.js';
import { nextStepsOf, reasonsOf } from '../next-steps.js';
import { printJson, printLine, printList, printMessage, remark } from '../output.js';
import { progressOn } from '../progress.js';
import { isOfService } from '../report-error.js';
import { exitCodeOf } from '../run-exit-code.js';
import { asJson, type Session } from '../session.js';
import { enumValue, firstOf, optionalEnum } from '../values.js';

const COLUMNS = ['entityType', 'kind', 'status', 'trigger', 'startedAt', 'finishedAt', 'error'];

export function listRuns(
  { api, json }: Session,
  [id = '']: string[],
  options: { status?: string; limit?: string },
) {
  const status = optionalEnum(Status, options.status, '--status');
  const all = api.each.listSyncRuns({
    id,
    pageSize: 1_000,
    ...(status && { status }),
  });
  // Of all integrations a run is found again by both ids.
  const ids = id === '' ? ['id', 'integrationId'] : ['id'];
  return printList({ json }, firstOf(all, options.limit), [...ids, ...COLUMNS]);
}

export async function showRun({ api }: Session, [id = '', runId = '']: string[]) {
  return printMessage((await api.getSyncRun({ id, runId })).run);
}

export async function cancelRun(
  { api, json }: Session,
  [id = '', runId = '']: string[],
  { reason = '' }: { reason?: string },
) {
  const { run } = await api.cancelSync({ id, runId, reason });
  if (json) return printMessage(run);
  remark('The run is asked to stop.');
  return EXIT.done;
}

export async function sync(
  session: Session,
  [id = '']: string[],
  { entity = 'ALL', watch }: { entity?: string; watch?: boolean },
) {
  const { api, json } = session;
  const { run } = await api.startSync({ id, entityType: enumValue(MappingEntityType, entity, '--entity') });
  if (watch) return watchRun(session, [id, run?.id ?? '']);
  if (json) return printMessage(run);
  printLine(run?.id ?? '');
  return EXIT.done;
}

export async function preview(
  session: Session,
  [id = '']: string[],
  { entity = 'ALL' }: { entity?: string },
) {
  const { run } = await session.api.startSync({
    id,
    entityType: enumValue(MappingEntityType, entity, '--entity'),
    kind: Kind.PREVIEW,
  });
  const code = await watchRun(session, [id, run?.id ?? '']);
  if (!session.json && code !== EXIT.interrupted) printLine(`smartid plan show ${id} ${run?.id}`);
  return code;
}

/** Follows a run; its last state is written to stdout, progress to stderr. */
export async function watchRun({ api, json }: Session, [id = '', runId = '']: string[]) {
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  process.once('SIGINT', onInterrupt);
  const progress = progressOn(process.stderr);
  let last: { run: SyncRun; parts: SyncRun[] } | undefined;
  try {
    for await (const { run, parts } of api.watchSync({ id, runId }, { signal: stop.signal })) {
      if (!run) continue;
      last = { run, parts };
      progress.show(run, parts);
    }
  } catch (error) {
    const isInterrupted = stop.signal.aborted;
    if (!isInterrupted && isOfService(ConnectError.from(error))) throw error;
    progress.end();
    remark(`The run goes on. Follow it: smartid runs watch ${id} ${runId}`);
    if (!isInterrupted) throw error;
    remark(`Stop it: smartid runs cancel ${id} ${runId}`);
    return EXIT.interrupted;
  } finally {
    process.off('SIGINT', onInterrupt);
    progress.end();
  }
  if (!last) return EXIT.failed;
  if (json) printJson(asJson(last.run));
  else printSummary(last.run, last.parts);
  return exitCodeOf(last.run, last.parts);
}

function printSummary(run: SyncRun, parts: readonly SyncRun[]): void {
  for (const each of parts.length > 0 ? parts : [run]) {
    const counts = each.counts ? asJson(each.counts) : {};
    const what = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
    printLine(`${MappingEntityType[each.entityType]}: ${what.join(', ') || 'nothing'}`);
  }
  printLine(`${Status[run.status]} ${run.id}`);
  for (const sentence of [...reasonsOf(run, parts), ...nextStepsOf(run, parts)]) remark(sentence);
}
