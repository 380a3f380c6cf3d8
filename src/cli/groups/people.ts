import type { Command } from 'commander';
import { add } from './command.js';

const load = () => import('../commands/people.js');
const ENTITY = ['--entity <type>', 'STUDENT or TEACHER; without it both'] as const;

/** The students and teachers that SmartID has. */
export function people(root: Command): void {
  const group = root.command('people').description('students and teachers, with their ids in every system');
  add(group, 'find <institution> [words...]', {
    does: 'finds students and teachers; without words all of them',
    example: 'smartid people find INSTITUTION ana paz --entity STUDENT',
    run: async () => (await load()).findPeople,
  })
    .option(...ENTITY)
    .option('--limit <number>', 'at most so many; else 100');
  add(group, 'show <institution> <person>', {
    does: 'shows somebody: fields, ids in every system, who changed what',
    example: 'smartid people show INSTITUTION PERSON',
    run: async () => (await load()).showPerson,
  })
    .option(...ENTITY)
    .option('--limit <number>', 'at most so many changes, the newest; else 100');
}
