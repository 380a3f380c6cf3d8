import {
  MappingEntityType,
  SyncRun_Stage as Stage,
  SyncRun_Status as Status,
  type SyncRun,
} from '../../clients/typescript/src/node.js';
import { cut, printable } from './output.js';

const BAR = 24;

/** Shows how far a run is: one line that is drawn anew on a terminal, else a line for each step. */
export function progressOn(stream: NodeJS.WriteStream) {
  let shown = '';
  return {
    show(run: SyncRun, parts: readonly SyncRun[]) {
      const current = parts.find(({ status }) => status === Status.RUNNING) ?? run;
      if (stream.isTTY) {
        stream.write(`\r\u001b[K${cut(printable(live(run, current)), stream.columns)}`);
        shown = 'live';
        return;
      }
      const line = [Status[run.status], ...stepOf(run, current)].join(' ');
      if (line !== shown) stream.write(`${line}\n`);
      shown = line;
    },
    end() {
      if (stream.isTTY && shown) stream.write('\r\u001b[K');
      shown = '';
    },
  };
}

function stepOf(run: SyncRun, current: SyncRun): string[] {
  if (run.status !== Status.RUNNING || current.stage === Stage.STAGE_UNSPECIFIED) return [];
  return [MappingEntityType[current.entityType] ?? '', Stage[current.stage] ?? ''];
}

function live(run: SyncRun, current: SyncRun): string {
  const words = [Status[run.status] ?? '', ...stepOf(run, current)];
  const { rowsRead = 0, rowsTotal, rowsPerSecond = 0, secondsLeft } = current.progress ?? {};
  if (rowsTotal) {
    const share = Math.min(1, rowsRead / rowsTotal);
    const full = Math.round(share * BAR);
    words.push(`${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${Math.floor(share * 100)} %`);
  }
  if (rowsRead) words.push(`${rowsRead}${rowsTotal ? ` of ${rowsTotal}` : ''} rows`);
  if (rowsPerSecond) words.push(`${rowsPerSecond} a second`);
  if (secondsLeft !== undefined) words.push(`${secondsLeft} s left`);
  return words.join('  ');
}
