import type { Command } from 'commander';
import { add, collect } from './command.js';

const load = () => import('../commands/integrations.js');
const loadChanges = () => import('../commands/change-integrations.js');

export function integrations(root: Command): void {
  const group = root.command('integrations').description('schools that are connected');
  add(group, 'list', {
    does: 'lists integrations',
    example: 'smartid integrations list --status ERROR',
    run: async () => (await load()).listIntegrations,
  })
    .option('--institution <id>', 'of this institution')
    .option('--provider <name>', 'of this provider')
    .option('--status <status>', 'ACTIVE, INACTIVE or ERROR');
  add(group, 'show <id>', {
    does: 'shows an integration, as JSON',
    example: 'smartid integrations show ID',
    run: async () => (await load()).showIntegration,
  });
  add(group, 'test <id>', {
    does: 'tries the connection',
    example: 'smartid integrations test ID',
    run: async () => (await load()).testIntegration,
  });
  add(group, 'providers [name]', {
    does: 'lists the school systems there are connectors for, or shows the settings of one',
    example: 'smartid integrations providers MOODLE',
    run: async () => (await load()).providers,
  });
  secrets(
    add(group, 'create', {
      does: 'connects a school; asks for what is not given',
      example: 'smartid integrations create --institution ID --provider GENERIC_CSV --set importPath=school',
      run: async () => (await loadChanges()).createIntegration,
    })
      .option('--institution <id>', 'id of the institution')
      .option('--provider <name>', 'as `integrations providers` lists them'),
  );
  secrets(
    add(group, 'update <id>', {
      does: 'changes settings; those that are not given stay',
      example: 'smartid integrations update ID --set importPath=school-2027 --status INACTIVE',
      run: async () => (await loadChanges()).updateIntegration,
    }).option('--status <status>', 'ACTIVE or INACTIVE'),
  );
  add(group, 'delete <id>', {
    does: 'removes an integration with its map of ids; people stay',
    example: 'smartid integrations delete ID',
    run: async () => (await loadChanges()).deleteIntegration,
  }).option('--yes', 'do not ask');
}

function secrets(command: Command): Command {
  return command
    .option('--file <file>', 'JSON of the body, as in the REST API; - is standard input')
    .option('--set <name=value>', 'a setting of config; the value is JSON, or else text', collect)
    .option('--secret-env <name=VARIABLE>', 'a credential from an environment variable', collect)
    .option('--secret-file <name=file>', 'a credential from a file', collect);
}
