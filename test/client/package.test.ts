import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { rest, sharedService, TOKEN } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

const run = promisify(execFile);
const ROOT = process.cwd();
const CLIENT = join(ROOT, 'clients/typescript');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** What its users write: once for Node, and the part that browsers have too. */
const SAMPLE = `
import { Code, ConnectError, createIntegrationsClient, type Student, verifyWebhook, type WebhookEvent } from '@smartid/integrations-client';

const [protocol, baseUrl, institutionId] = process.argv.slice(2) as ['connect' | 'grpc' | 'grpc-web', string, string];
const client = createIntegrationsClient({ baseUrl, protocol, token: () => process.env.TOKEN });
const students: Student[] = [];
for await (const student of client.each.listStudents({ institutionId, pageSize: 2 })) students.push(student);
const { integrations } = await client.listIntegrations({ institutionId });
const mappings: string[] = [];
for await (const { mapping } of client.streamMappings({ id: integrations[0]?.id ?? '' })) mappings.push(mapping?.externalId ?? '');
const code: Code | undefined = await client.getIntegration({ id: institutionId }).then(() => undefined, (error: unknown) => ConnectError.from(error).code);
const verify: (body: string) => WebhookEvent = (body) => verifyWebhook(body, {}, 'whsec_AAAA');
let refusal = '';
try { verify('{}'); } catch (error) { refusal = (error as Error).name; }
console.log(JSON.stringify({ names: students.map(({ givenName }) => givenName), mappings, code: code !== undefined && Code[code], refusal }));
`;
const IN_BROWSERS = `
import { createIntegrationsClient, type IntegrationsClient } from '@smartid/integrations-client';
export const client: IntegrationsClient = createIntegrationsClient({ baseUrl: location.origin, protocol: 'grpc-web', fetch });
// @ts-expect-error browsers have no gRPC
createIntegrationsClient({ baseUrl: location.origin, protocol: 'grpc' });
`;
const STRICT = { strict: true, noEmitOnError: true, skipLibCheck: false, target: 'es2022', outDir: 'out' };

/** A package and all that it needs, as folders of this project. */
function withDependencies(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  const { dependencies = {} } = JSON.parse(
    readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'),
  ) as { dependencies?: Record<string, string> };
  for (const dependency of Object.keys(dependencies)) withDependencies(dependency, found);
  return found;
}

describe('the package of the typed client', () => {
  let folder: string;

  before(async () => {
    folder = await tempFolder();
    const { stdout } = await run(
      'npm',
      ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
      {
        cwd: CLIENT,
      },
    );
    const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    expect(paths).to.include.members(['README.md', 'dist/src/node.js', 'dist/src/browser.d.ts']);
    expect(paths.filter((path) => /^src\/|\.map$|tsbuildinfo/.test(path))).to.deep.equal([]);
    await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}');
    const others = [...withDependencies('@smartid/integrations-client'), ...withDependencies('@types/node')];
    const folders = others
      .filter((name) => name !== '@smartid/integrations-client')
      .map((name) => join(ROOT, 'node_modules', name));
    // From this machine alone: what is packed is the same, and no registry has to be there.
    const how = ['--offline', '--install-links', '--ignore-scripts', '--no-audit', '--no-fund'];
    await run('npm', ['install', ...how, join(folder, filename), ...folders], { cwd: folder });
  });

  /** Compiles a file as its user would. */
  async function compile(name: string, text: string, compilerOptions: object) {
    await writeFile(join(folder, name), text);
    const config = join(folder, `${name}.json`);
    await writeFile(
      config,
      JSON.stringify({ compilerOptions: { ...STRICT, ...compilerOptions }, files: [name] }),
    );
    await run(process.execPath, [TSC, '-p', config], { cwd: folder }).catch((error: { stdout: string }) => {
      throw new Error(error.stdout);
    });
  }

  it('installed into an empty folder, compiles under tsc --strict, and calls by Connect, gRPC and gRPC-Web', async () => {
    await compile('sample.ts', SAMPLE, { module: 'nodenext', types: ['node'] });
    const { url, files } = await sharedService();
    const institutionId = randomUUID();
    await mkdir(join(files, institutionId), { recursive: true });
    await writeFile(join(files, institutionId, 'students.csv'), 'id,nombres\n1,Ana\n2,Eva\n3,Luz\n');
    const body = { institutionId, provider: 'GENERIC_CSV', config: { importPath: institutionId } };
    const { id } = (await rest(url, 'POST', '/integrations', body)).body;
    expect(
      (await rest(url, 'POST', `/integrations/${id}/sync`, { entityType: 'STUDENT' })).body.synced,
    ).to.equal(3);
    for (const protocol of ['connect', 'grpc', 'grpc-web']) {
      const { stdout, stderr } = await run(
        process.execPath,
        [join(folder, 'out/sample.js'), protocol, url, institutionId],
        { cwd: folder, env: { PATH: process.env.PATH, TOKEN }, timeout: 60_000 },
      );
      const { names, ...others } = JSON.parse(stdout) as { names: string[] };
      expect(names.sort(), protocol).to.deep.equal(['Ana', 'Eva', 'Luz']);
      expect(others, protocol).to.deep.equal({
        mappings: ['1', '2', '3'],
        code: 'NotFound',
        refusal: 'WebhookVerificationError',
      });
      expect(stderr, protocol).to.equal('');
    }
  });

  it('is used in its README as its types allow', async () => {
    const readme = await readFile(join(CLIENT, 'README.md'), 'utf8');
    const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text]) => text);
    expect(examples).to.have.length(2);
    const given =
      "declare const institutionId: string, integrationId: string, rawBody: string;\ndeclare const request: import('node:http').IncomingMessage;\n";
    await compile('readme.ts', `${given}${examples.join('\n')}`, { module: 'nodenext', types: ['node'] });
  });

  it('has types for browsers, which know nothing of Node, and loads nothing of Node there', async () => {
    await compile('page.ts', IN_BROWSERS, {
      module: 'esnext',
      moduleResolution: 'bundler',
      lib: ['es2022', 'dom', 'dom.iterable'],
      types: [],
    });
    const seen = new Set<string>();
    const follow = async (path: string): Promise<void> => {
      if (seen.has(path)) return;
      seen.add(path);
      const text = await readFile(path, 'utf8');
      const imported = [...text.matchAll(/(?:from|import)\s*["']([^"']+)["']/g)].map(
        ([, name]) => name as string,
      );
      for (const name of imported) {
        expect(name, path).to.not.match(/^node:|connect-node/);
        if (name.startsWith('.')) await follow(join(path, '..', name));
      }
    };
    await follow(join(folder, 'node_modules/@smartid/integrations-client/dist/src/browser.js'));
    expect(seen.size).to.be.greaterThan(20);
  });
});
