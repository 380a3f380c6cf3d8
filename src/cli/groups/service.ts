import { Argument, type Command } from 'commander';
import { described } from './command.js';

/** The service itself, and this command line. */
export function service(root: Command): void {
  described(
    root,
    'doctor',
    'looks whether all is well: this machine, the service, plans that wait, each school and its marks',
    'smartid doctor',
  )
    .option('--no-schools', 'do not try the connections of schools')
    .action(async (_, command: Command) => {
      const { doctor } = await import('../commands/doctor.js');
      process.exitCode = await doctor(command.optsWithGlobals());
    });
  described(root, 'dev', 'starts the service with a sample school, to look at', 'smartid dev')
    .option('--data <folder>', 'where it keeps its data', 'smartid-dev')
    .option('--port <number>', 'where it listens', '8080')
    .option('--no-open', 'do not open the console in a browser')
    .action(async (_, command: Command) => {
      const { dev } = await import('../commands/dev.js');
      process.exitCode = await dev(command.optsWithGlobals());
    });
  described(
    root,
    'completion',
    'writes what completes commands in a shell',
    'source <(smartid completion bash)',
  )
    .addArgument(new Argument('<shell>', 'whose').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: string) => {
      const { completion } = await import('../commands/completion.js');
      process.exitCode = completion(root, shell);
    });
}
