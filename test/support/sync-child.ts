import { createIntegrations, MappingEntityType } from '../../src/index.js';

/**
 * A process that syncs the students of one integration, to be killed: says "go" on standard output, then
 * "done".
 */
const [dataDir = '', databaseUrl = '', integrationId = ''] = process.argv.slice(2);
const { integrationService, close } = await createIntegrations({ dataDir, databaseUrl });
process.stdout.write('go\n');
await integrationService.syncData(integrationId, MappingEntityType.STUDENT);
process.stdout.write('done\n');
await close();
