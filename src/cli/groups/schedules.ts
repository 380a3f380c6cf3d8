import type { Command } from 'commander';
import { add, collect } from './command.js';

const load = () => import('../commands/schedules.js');
const KIND = ['--kind <kind>', 'SYNC, or PREVIEW, which only measures drift', 'SYNC'] as const;

/** Syncs that start by themselves, and how far the roster is from the school. */
export function schedules(root: Command): void {
  const group = root.command('schedule').description('syncs that start by themselves');
  add(group, 'list <id>', {
    does: 'lists the schedules of an integration, with their next times',
    example: 'smartid schedule list ID',
    run: async () => (await load()).listSchedules,
  });
  add(group, 'show <id> [entity]', {
    does: 'shows one, as JSON; without a type that of everything',
    example: 'smartid schedule show ID',
    run: async () => (await load()).showSchedule,
  }).option(...KIND);
  add(group, 'set <id> [entity]', {
    does: 'makes or replaces one; without a type that of everything',
    example: 'smartid schedule set ID --cron "30 5 * * 1-5" --zone America/Santiago',
    run: async () => (await load()).setSchedule,
  })
    .requiredOption('--cron <pattern>', 'minute, hour, day, month, weekday')
    .option('--zone <zone>', 'IANA time zone', Intl.DateTimeFormat().resolvedOptions().timeZone)
    .option('--jitter <seconds>', 'start up to so much later', '0')
    .option('--blackout <from/to>', 'days without syncs, 2026-07-10/2026-07-25; may be given again', collect)
    .option('--calendar <file>', 'an iCal file whose events are days without syncs')
    .option('--paused-until <time>', 'no syncs before')
    .option(...KIND);
  add(group, 'delete <id> [entity]', {
    does: 'removes one',
    example: 'smartid schedule delete ID',
    run: async () => (await load()).deleteSchedule,
  }).option(...KIND);
  add(root, 'drift <id>', {
    does: 'tells how far the roster was from the school at the latest checks',
    example: 'smartid drift ID',
    run: async () => (await load()).drift,
  });
}
