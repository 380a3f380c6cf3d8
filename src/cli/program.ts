import { Command } from 'commander';
import { access } from './groups/access.js';
import { attendance } from './groups/attendance.js';
import { conflicts } from './groups/conflicts.js';
import { events } from './groups/events.js';
import { files } from './groups/files.js';
import { integrations } from './groups/integrations.js';
import { mappings } from './groups/mappings.js';
import { people } from './groups/people.js';
import { plans } from './groups/plans.js';
import { runs } from './groups/runs.js';
import { schedules } from './groups/schedules.js';
import { service } from './groups/service.js';

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
  for (const group of [
    integrations,
    files,
    runs,
    plans,
    conflicts,
    people,
    mappings,
    attendance,
    schedules,
    events,
    access,
    service,
  ])
    group(root);
  return root;
}
