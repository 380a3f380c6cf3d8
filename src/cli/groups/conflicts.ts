import type { Command } from 'commander';
import { add } from './command.js';

const load = () => import('../commands/conflicts.js');

/** New people of whom a person must say who they are. */
export function conflicts(root: Command): void {
  const group = root.command('conflicts').description('new people of whom somebody must say who they are');
  add(group, 'list <id>', {
    does: 'lists those that wait for a decision',
    example: 'smartid conflicts list ID',
    run: async () => (await load()).listConflicts,
  }).option('--resolved', 'those that were decided');
  add(group, 'resolve <id> <conflict>', {
    does: 'decides one: --link PERSON, --create or --ignore',
    example: 'smartid conflicts resolve ID CONFLICT --link PERSON',
    run: async () => (await load()).resolveConflict,
  })
    .option('--link <person>', 'it is this person: an id of SmartID')
    .option('--create', 'it is somebody new')
    .option('--ignore', 'it is to stay out');
  add(group, 'resolve-all <id>', {
    does: 'decides all whose candidates were found by one rule',
    example: 'smartid conflicts resolve-all ID --entity STUDENT --rule name --as LINK --preview',
    run: async () => (await load()).resolveAll,
  })
    .requiredOption('--entity <type>', 'STUDENT or TEACHER')
    .requiredOption('--rule <rule>', 'as `conflicts list` shows it')
    .requiredOption('--as <resolution>', 'LINK, CREATE or IGNORE')
    .option('--reason <text>', 'why')
    .option('--preview', 'only show what would be decided')
    .option('--yes', 'do not ask');
}
