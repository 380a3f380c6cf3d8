import type { Command } from 'commander';
import { add, described } from './command.js';

const load = () => import('../commands/audit.js');
const loadKeys = () => import('../commands/keys.js');

/** Who may what, who did what, and what credentials are sealed with. */
export function access(root: Command): void {
  const audit = root.command('audit').description('who did what');
  add(audit, 'list <institution>', {
    does: 'lists what was done and refused, newest first',
    example: 'smartid audit list INSTITUTION --since 2026-03-01',
    run: async () => (await load()).listAudit,
  })
    .option('--actor <name>', 'by this token')
    .option('--object <id>', 'to this object')
    .option('--integration <id>', 'in this integration')
    .option('--run <id>', 'by this run')
    .option('--refused', 'only what was refused')
    .option('--since <time>', 'from this moment on')
    .option('--until <time>', 'before this moment')
    .option('--limit <number>', 'at most so many; else 100');
  add(audit, 'changes <institution> <person>', {
    does: 'tells who changed a person, course or group, when, by which run or call',
    example: 'smartid audit changes INSTITUTION PERSON --field email',
    run: async () => (await load()).listChanges,
  }).option('--field <name>', 'only changes of this field');
  add(audit, 'verify <institution>', {
    does: 'finds rows of the audit that were changed or removed; 1 where there are any',
    example: 'smartid audit verify INSTITUTION',
    run: async () => (await load()).verifyAudit,
  });
  const keys = root.command('keys').description('what seals stored credentials');
  add(keys, 'list', {
    does: 'lists keys, and what each seals',
    example: 'smartid keys list',
    run: async () => (await loadKeys()).listKeys,
  });
  add(keys, 'rotate', {
    does: 'seals all stored credentials anew with the first key; 1 where some stay as they were',
    example: 'smartid keys rotate',
    run: async () => (await loadKeys()).rotateKeys,
  });
  const tokens = root.command('tokens').description('what callers show');
  described(tokens, 'new', 'makes a token; who runs the service sets it', 'smartid tokens new').action(
    async () => {
      const { newToken } = await import('../commands/tokens.js');
      process.exitCode = newToken();
    },
  );
  described(
    root,
    'login',
    'keeps server and token in the profile file',
    'smartid login --server https://integrations.example.org',
  )
    .option('--token-stdin', 'read the token from standard input')
    .action(async (_, command: Command) => {
      const { login } = await import('../commands/login.js');
      process.exitCode = await login(command.optsWithGlobals());
    });
}
