import type { Command } from 'commander';
import { add } from './command.js';

/** Files for integrations that read what is uploaded. */
export function files(root: Command): void {
  add(root, 'upload <id> <file...>', {
    does: 'uploads files, and tells how they are understood; 4 where rows are not right',
    example: 'smartid upload ID students.xlsx groups.csv',
    run: async () => (await import('../commands/upload.js')).upload,
  })
    .option('--list <list>', 'what the file holds: students, teachers, courses, groups or memberships')
    .option('--validate-only', 'only tell how they would be understood; nothing is kept');
}
