import { Command } from 'commander';

/** The command line. What a command needs is loaded when it runs, so that `--help` is quick. */
export function program(): Command {
  const root = new Command('smartid')
    .description('SmartID Integrations from a terminal.')
    .option('--server <url>', 'address of the service; else SMARTID_SERVER, or that of the profile')
    .option('--profile <file>', 'JSON file of mode 0600: {"server", "token"}')
    .option('--json', 'write JSON')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .addHelpText('after', '\nThe token is read from SMARTID_TOKEN or the profile file.');
  const integrations = root.command('integrations').description('schools that are connected');
  add(integrations, 'list', 'lists integrations', 'smartid integrations list', 'listIntegrations');
  add(integrations, 'show <id>', 'shows an integration', 'smartid integrations show ID', 'showIntegration');
  add(integrations, 'test <id>', 'tries the connection', 'smartid integrations test ID', 'testIntegration');
  const runs = root.command('runs').description('syncs and what became of them');
  add(runs, 'list [id]', 'lists runs, newest first', 'smartid runs list ID --json', 'listRuns');
  add(runs, 'show <id> <runId>', 'shows a run', 'smartid runs show ID RUN', 'showRun');
  add(runs, 'watch <id> <runId>', 'follows a run to its end', 'smartid runs watch ID RUN', 'watchRun');
  add(runs, 'cancel <id> <runId>', 'stops a run', 'smartid runs cancel ID RUN', 'cancelRun');
  add(root, 'sync <id>', 'starts a sync', 'smartid sync ID --entity STUDENT --watch', 'sync')
    .option('--entity <type>', 'COURSE, TEACHER, GROUP, STUDENT or ALL', 'ALL')
    .option('--watch', 'follow it to its end');
  return root;
}

type Action = keyof typeof import('./commands/index.js');

function add(parent: Command, usage: string, description: string, example: string, action: Action): Command {
  return parent
    .command(usage)
    .description(description)
    .addHelpText('after', `\nExample:\n  $ ${example}`)
    .action(async (...given: unknown[]) => {
      const command = given.at(-1) as Command;
      const [{ connect }, commands] = await Promise.all([
        import('./client.js'),
        import('./commands/index.js'),
      ]);
      const options = command.optsWithGlobals();
      const code = await commands[action](await connect(options), command.args, options);
      process.exitCode = code;
    });
}
