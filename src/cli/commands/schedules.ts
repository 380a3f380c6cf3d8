import { MappingEntityType, ScheduleKind } from '../../../clients/typescript/src/node.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { printDone, printLine, printList, printMessage, printTable } from '../output.js';
import { asJson, type Session } from '../session.js';
import { readText } from '../settings.js';
import { enumValue, timestampOf, wholeNumber } from '../values.js';

interface SetOptions {
  cron: string;
  zone: string;
  jitter: string;
  kind: string;
  blackout?: string[];
  calendar?: string;
  pausedUntil?: string;
}

const KINDS = { SYNC: ScheduleKind.SYNC, PREVIEW: ScheduleKind.PREVIEW };
const keyOf = ([id = '', entity = 'ALL']: string[], kind: string) => ({
  id,
  entityType: enumValue(MappingEntityType, entity, 'The entity type'),
  kind: enumValue(KINDS, kind, '--kind'),
});

export async function listSchedules({ api, json }: Session, [id = '']: string[]) {
  const { schedules } = await api.listSchedules({ id });
  const columns = [
    'entityType',
    'kind',
    'cron',
    'timeZone',
    'nextTimes.0',
    'failuresInRow',
    'skippedBecause',
  ];
  return printList({ json }, schedules, columns);
}

export async function showSchedule({ api }: Session, args: string[], { kind }: { kind: string }) {
  return printMessage((await api.getSchedule(keyOf(args, kind))).schedule);
}

export async function setSchedule({ api, json }: Session, args: string[], options: SetOptions) {
  const { cron, zone, jitter, kind, blackout = [], calendar: file, pausedUntil } = options;
  const calendar = file === undefined ? '' : await readText(file);
  const paused = await timestampOf(pausedUntil, '--paused-until');
  const { schedule } = await api.setSchedule({
    ...keyOf(args, kind),
    cron,
    timeZone: zone,
    jitterSeconds: wholeNumber(jitter, '--jitter'),
    blackouts: blackout.map(blackoutOf),
    calendar,
    ...(paused && { pausedUntil: paused }),
  });
  if (json || !schedule) return printMessage(schedule);
  printLine('Next times:');
  for (const time of (asJson(schedule).nextTimes as string[] | undefined) ?? []) printLine(`  ${time}`);
  return EXIT.done;
}

function blackoutOf(text: string) {
  const [, from, to = from] = /^(\d{4}-\d\d-\d\d)(?:\/(\d{4}-\d\d-\d\d))?$/.exec(text) ?? [];
  if (!from) throw new UsageError('--blackout must be a day, or two: 2026-07-10/2026-07-25.');
  return { name: '', from, to };
}

export async function deleteSchedule({ api, json }: Session, args: string[], { kind }: { kind: string }) {
  await api.deleteSchedule(keyOf(args, kind));
  return printDone({ json }, 'Removed.');
}

export async function drift({ api, json }: Session, [id = '']: string[]) {
  const { drifts } = await api.getDrift({ id });
  if (json) return printList({ json }, drifts, []);
  const rows = drifts.flatMap((each) =>
    each.checks.map((check) => ({ ...asJson(check), entityType: MappingEntityType[each.entityType] })),
  );
  printTable(rows, ['entityType', 'at', 'distance', 'counts', 'runId']);
  return EXIT.done;
}
