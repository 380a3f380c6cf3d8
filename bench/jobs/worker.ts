import { servicesOn } from './services.js';

/** A process that does runs, until it is told to end: database, folder, workers. */
const [databaseUrl, dataDir, workers] = process.argv.slice(2) as [string, string, string];
const services = await servicesOn(databaseUrl, dataDir, Number(workers));
process.send?.('ready');
process.once('message', () => void services.close().then(() => process.exit(0)));
