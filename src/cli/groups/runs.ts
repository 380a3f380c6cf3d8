import type { Command } from 'commander';
import { add } from './command.js';

const load = () => import('../commands/runs.js');
const loadIssues = () => import('../commands/issues.js');
const ENTITY = ['--entity <type>', 'COURSE, TEACHER, GROUP, STUDENT or ALL', 'ALL'] as const;

/** Syncs, and what became of them. */
export function runs(root: Command): void {
  add(root, 'sync <id>', {
    does: 'starts a sync',
    example: 'smartid sync ID --entity STUDENT --watch',
    run: async () => (await load()).sync,
  })
    .option(...ENTITY)
    .option('--watch', 'follow it to its end');
  add(root, 'preview <id>', {
    does: 'makes the plan of a sync and follows it; nothing is changed',
    example: 'smartid preview ID --entity STUDENT',
    run: async () => (await load()).preview,
  }).option(...ENTITY);
  const group = root.command('runs').description('syncs and what became of them');
  add(group, 'list [id]', {
    does: 'lists runs, newest first',
    example: 'smartid runs list ID --status FAILED',
    run: async () => (await load()).listRuns,
  })
    .option('--status <status>', 'COMPLETED, FAILED, HELD and so on')
    .option('--limit <number>', 'at most so many');
  add(group, 'show <id> <runId>', {
    does: 'shows a run, as JSON',
    example: 'smartid runs show ID RUN',
    run: async () => (await load()).showRun,
  });
  add(group, 'watch <id> <runId>', {
    does: 'follows a run to its end',
    example: 'smartid runs watch ID RUN',
    run: async () => (await load()).watchRun,
  });
  add(group, 'cancel <id> <runId>', {
    does: 'asks a run to stop',
    example: 'smartid runs cancel ID RUN --reason "wrong file"',
    run: async () => (await load()).cancelRun,
  }).option('--reason <text>', 'why');
  add(root, 'issues <id> <runId>', {
    does: 'lists the rows of a run that were not right',
    example: 'smartid issues ID RUN --export students.csv > corrected.csv',
    run: async () => (await loadIssues()).issues,
  })
    .option('--severity <severity>', 'ERROR or WARNING')
    .option('--export <file>', 'write the failed rows of this file of the run, as they came');
}
