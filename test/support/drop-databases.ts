import { asAdmin } from './database-admin.js';

/** A process for whoever is leaving and cannot wait for a promise: URL of a server, names of its databases. */
const [server, ...names] = process.argv.slice(2);
await asAdmin(
  server as string,
  names.map((name) => `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
);
