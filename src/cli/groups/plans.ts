import type { Command } from 'commander';
import { add } from './command.js';

const load = () => import('../commands/plans.js');

/** What a person decides about plans, and takes back. */
export function plans(root: Command): void {
  const group = root.command('plan').description('what a held sync, a preview or a rollback would change');
  add(group, 'show <id> <runId>', {
    does: 'lists the changes of a plan, before and after',
    example: 'smartid plan show ID RUN --action DEACTIVATE',
    run: async () => (await load()).showPlan,
  })
    .option('--action <action>', 'CREATE, UPDATE, DEACTIVATE and so on')
    .option('--limit <number>', 'at most so many changes');
  add(group, 'approve <id> <runId>', {
    does: 'applies exactly this plan',
    example: 'smartid plan approve ID RUN --reason "the 4th grade left, says the school"',
    run: async () => (await load()).approvePlan,
  })
    .option('--reason <text>', 'why')
    .option('--rekey', 'the school renumbered: those who go and those who come are the same people')
    .option('--yes', 'do not ask');
  add(group, 'discard <id> <runId>', {
    does: 'puts a plan away; nothing is changed',
    example: 'smartid plan discard ID RUN --reason "half of a file"',
    run: async () => (await load()).discardPlan,
  }).option('--reason <text>', 'why');
  add(group, 'rekeys <id> <runId>', {
    does: 'lists whom `approve --rekey` would give a new id',
    example: 'smartid plan rekeys ID RUN',
    run: async () => (await load()).listRekeys,
  });
  add(root, 'rollback <id> <runId>', {
    does: 'takes back what a run changed',
    example: 'smartid rollback ID RUN --preview',
    run: async () => (await load()).rollback,
  })
    .option('--preview', 'only make the plan')
    .option('--yes', 'do not ask');
}
