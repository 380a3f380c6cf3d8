// Who may import whom: the table of docs/architecture.md, checked by `npm run lint`.
const { existsSync, readdirSync } = require('node:fs');
const { builtinModules } = require('node:module');
const { join } = require('node:path');

/** The folders of src/, each with those that its files may import. Imports run downward only. */
const MAY_IMPORT = {
  observability: [],
  values: [],
  outbound: [],
  database: ['observability'],
  audit: ['database', 'observability'],
  jobs: ['database', 'observability'],
  connectors: ['observability', 'outbound'],
  security: ['connectors', 'observability'],
  events: ['audit', 'database', 'observability', 'outbound', 'values'],
  changes: ['audit', 'database', 'events', 'observability'],
  roster: ['audit', 'changes', 'connectors', 'database', 'values'],
  mappings: ['audit', 'changes', 'connectors', 'database', 'roster', 'values'],
  attendance: ['audit', 'connectors', 'database', 'events', 'jobs', 'observability', 'values'],
  sync: ['audit', 'changes', 'connectors', 'database', 'events', 'jobs', 'observability', 'roster', 'values'],
  webhooks: ['audit', 'connectors', 'database', 'events', 'jobs', 'observability', 'values'],
  integrations: [
    'attendance',
    'audit',
    'changes',
    'connectors',
    'database',
    'events',
    'mappings',
    'observability',
    'sync',
    'values',
    'webhooks',
  ],
  idempotency: ['database', 'observability'],
  retention: ['audit', 'database', 'idempotency', 'jobs', 'observability'],
  schedules: ['audit', 'database', 'integrations', 'observability', 'sync'],
  rpc: [
    'audit',
    'connectors',
    'events',
    'gen',
    'idempotency',
    'integrations',
    'mappings',
    'observability',
    'roster',
    'schedules',
    'sync',
    'webhooks',
  ],
  transport: ['gen', 'observability'],
  cli: [],
};

/** Files beside the folders: what every folder may import, and what single ones may. */
const SHARED_FILES = '^src/(errors|paging|require-storable)\\.ts$';
const ALSO = { security: ['^src/config\\.ts$'] };

/** What outsiders may enter besides the index of a folder, which must not load it or offers more. */
const SECOND_ENTRIES = ['^src/database/embedded/index\\.ts$', '^src/connectors/(testkit/index|public)\\.ts$'];

const foldersOfSrc = readdirSync(join(__dirname, 'src'), { withFileTypes: true }).filter((entry) =>
  entry.isDirectory(),
);
const unknown = foldersOfSrc.map(({ name }) => name).filter((name) => !(name in MAY_IMPORT));
if (unknown.length > 0)
  throw new Error(
    `.dependency-cruiser.cjs does not say what may be imported by src/${unknown.join(', src/')}`,
  );

module.exports = {
  forbidden: [
    ...Object.entries(MAY_IMPORT).map(([folder, others]) => ({
      name: `${folder}-imports-downward-only`,
      comment: `src/${folder} imports ${others.join(', ') || 'no other folder'}; see docs/architecture.md.`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: {
        path: '^(src|gen)/',
        pathNot: [
          SHARED_FILES,
          `^src/${folder}/`,
          ...(ALSO[folder] ?? []),
          ...others.map((other) => (other === 'gen' ? '^gen/' : `^src/${other}/`)),
        ],
      },
    })),
    ...foldersWithIndex('src').map((folder) => ({
      name: `${folder.replace(/^src\//, '').replaceAll('/', '-')}-is-entered-by-its-index`,
      comment: `What ${folder} offers to others is exported by ${folder}/index.ts.`,
      severity: 'error',
      from: { path: '^(src|examples)/', pathNot: `^${folder}/` },
      to: { path: `^${folder}/`, pathNot: [`^${folder}/index\\.ts$`, ...SECOND_ENTRIES] },
    })),
    {
      name: 'no-circular-imports',
      comment: 'Two files that import each other cannot be understood, nor loaded, one without the other.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'generated-code-stands-alone',
      comment: 'Messages stop at rpc and transport.',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^gen/' },
    },
    {
      name: 'src-imports-nothing-of-the-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples)/' },
    },
    {
      name: 'src-imports-dependencies-only',
      comment: 'A package that src/ needs stands under "dependencies" of package.json.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'only-the-command-line-imports-the-client',
      comment: 'The service does not call itself.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^clients/' },
    },
    {
      name: 'clients-stand-alone',
      comment: 'What is installed elsewhere has nothing of the service.',
      severity: 'error',
      from: { path: '^clients/' },
      to: { path: '^(src|gen|test|bench|examples)/' },
    },
    {
      name: 'client-of-browsers-loads-nothing-of-node',
      severity: 'error',
      from: { path: '^clients/typescript/src/browser\\.ts$' },
      to: {
        path: [
          `^(node:)?(${builtinModules.join('|')})$`,
          '/connect-node/',
          '^clients/typescript/src/node\\.ts$',
        ],
        reachable: true,
      },
    },
    {
      name: 'imports-can-be-resolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // TypeScript 7 has no API that a tool could parse with; swc reads the sources, imports of types included.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};

/** The folders under this one that have an index.ts, as paths. */
function foldersWithIndex(folder) {
  return readdirSync(join(__dirname, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const path = `${folder}/${name}`;
      return [...(existsSync(join(__dirname, path, 'index.ts')) ? [path] : []), ...foldersWithIndex(path)];
    });
}
