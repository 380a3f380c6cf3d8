import type { Command } from 'commander';
import { add } from './command.js';

const load = () => import('../commands/attendance.js');

export function attendance(root: Command): void {
  const group = root.command('attendance').description("the attendance that goes to the school's system");
  add(group, 'send <id> <session>', {
    does: 'sends the attendance of a class session: what is new, corrected or failed',
    example: 'smartid attendance send ID SESSION',
    run: async () => (await load()).sendAttendance,
  }).option('--resend', 'also what was confirmed');
  add(group, 'deliveries <id>', {
    does: 'lists every mark on its way',
    example: 'smartid attendance deliveries ID --status FAILED',
    run: async () => (await load()).listDeliveries,
  })
    .option('--session <id>', 'of this class session')
    .option('--status <status>', 'QUEUED, WITHHELD, SENT, CONFIRMED, FAILED or WITHDRAWN');
  add(group, 'close <institution> <session>', {
    does: 'closes a class session, so that its attendance leaves by itself',
    example: 'smartid attendance close INSTITUTION SESSION',
    run: async () => (await load()).closeSession,
  });
}
