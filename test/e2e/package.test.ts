import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { atExit } from '../support/at-exit.js';
import { layEmbeddedDatabase } from '../support/embedded-template.js';
import { TOKEN } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const run = promisify(execFile);

/** Starts a command that starts the service, and ends the command by SIGTERM: its exit code. */
async function startAndStop(command: string, args: string[], cwd: string, dataDir: string) {
  await layEmbeddedDatabase(dataDir);
  const env = { PATH: process.env.PATH, DATA_DIR: dataDir, PORT: '0', ADMIN_TOKEN: TOKEN };
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  atExit(() => child.kill('SIGKILL'));
  const log: { url?: string; msg?: string; level?: number }[] = [];
  const lines = createInterface({ input: child.stdout });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
    lines.on('line', (line) => {
      if (!line.startsWith('{')) return;
      log.push(JSON.parse(line));
      const { url } = log.at(-1) ?? {};
      if (url) resolve(url);
    });
  });
  expect((await fetch(`${url}/readyz`)).status).to.equal(200);
  const closed = once(lines, 'close');
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  // Whoever wrote these lines is gone, not only who started it.
  await closed;
  return { code, log };
}

/** Compiles the example of the README as a strict user of the package does, who also has her libraries checked. */
async function compileReadme(folder: string): Promise<void> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [, example = ''] = /<!-- example: usage -->\s*```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  expect(example).to.contain('createIntegrations');
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  await writeFile(join(folder, 'usage.ts'), example);
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', '--noEmit'];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [tsc, ...options, 'usage.ts'], { cwd: folder }).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).to.equal('');
}

describe('the package', () => {
  it('holds what a user needs, and no tests; the example of the README compiles with it; its command starts with the dependencies of production, and stops', async () => {
    const folder = await tempFolder();
    const { stdout } = await run(
      'npm',
      ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
      {
        cwd: ROOT,
      },
    );
    const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    expect(paths).to.include.members([
      'README.md',
      'LICENSE',
      'dist/src/main.js',
      'dist/src/index.d.ts',
      'dist/console/index.html',
      'dist/console/files.json',
      'dist/src/connectors/testkit/index.js',
      'dist/gen/smartid/integrations/v1/integration_service_pb.d.ts',
      'proto/smartid/integrations/v1/integration_service.proto',
    ]);
    const others = paths.filter((path) => !/^examples\/colegio-san-martin\/[a-z]+\.csv$/.test(path));
    expect(others.filter((path) => /(^|\/)(test|bench|examples)\/|\.test\.|\.map$/.test(path))).to.deep.equal(
      [],
    );

    const modules = join(folder, 'node_modules');
    const installed = join(modules, 'smartid-integrations');
    await mkdir(installed, { recursive: true });
    await run('tar', ['xzf', join(folder, filename), '--strip-components=1', '-C', installed]);
    const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean }>;
    };
    for (const [path, { dev }] of Object.entries(lock.packages)) {
      if (dev || !/^node_modules\/(@[^/]+\/)?[^/]+$/.test(path)) continue;
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await symlink(join(ROOT, path), join(folder, path));
    }
    const { bin } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
      bin: Record<string, string>;
    };
    for (const [name, file] of Object.entries(bin)) {
      await chmod(join(installed, file), 0o755);
      await symlink(join(installed, file), join(folder, name));
    }
    await compileReadme(folder);
    const help = await run('./smartid', ['integrations', 'create', '--help'], { cwd: folder });
    expect(help.stdout).to.contain('--secret-env');
    const noService = run('./smartid', ['integrations', 'list', '--server', 'http://127.0.0.1:1'], {
      cwd: folder,
    });
    expect(await noService.catch(({ code, stderr }) => ({ code, stderr }))).to.deep.include({ code: 5 });
    const { code } = await startAndStop('./smartid-integrations', [], folder, join(folder, 'data'));
    expect(code).to.equal(0);
  });

  it('started by npm stops by SIGTERM with all that npm started, and logs no error', async () => {
    const { log } = await startAndStop('npm', ['start', '--silent'], ROOT, await tempFolder());
    expect(log.map(({ msg }) => msg)).to.include('stopping: finishing what is in flight');
    expect(log.filter(({ level }) => (level ?? 0) >= 50)).to.deep.equal([]);
  });
});
