import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { atExit } from './at-exit.js';
import { listenOn } from './listen.js';
import { tempFolder } from './temp-folder.js';
import { until } from './until.js';

export const NATS_USER = 'smartid';
export const NATS_PASSWORD = 'p@ss/word';

const running = new Set<ChildProcess>();
atExit(() => {
  for (const server of running) server.kill('SIGKILL');
});

/** A NATS server of the test's own, with JetStream; undefined where none is installed. */
export async function natsServer() {
  // A port that was free a moment ago.
  const free = await listenOn(() => {});
  const { port } = new URL(free.url);
  await free.close();
  const folder = await tempFolder();
  let server: ChildProcess | undefined;
  const start = async (): Promise<boolean> => {
    const options = ['-js', '-sd', folder, '-a', '127.0.0.1', '-p', port];
    const child = spawn('nats-server', [...options, '--user', NATS_USER, '--pass', NATS_PASSWORD], {
      stdio: 'ignore',
    });
    const failure = once(child, 'error').then(([error]) => error as NodeJS.ErrnoException);
    const spawned = once(child, 'spawn');
    const error = await Promise.race([failure, spawned.then(() => undefined)]);
    if (error) return false;
    server = child;
    running.add(child);
    await until(() => answers(Number(port)));
    return true;
  };
  if (!(await start())) return undefined;
  return {
    url: `nats://${NATS_USER}:${encodeURIComponent(NATS_PASSWORD)}@127.0.0.1:${port}`,
    servers: `127.0.0.1:${port}`,
    start,
    async kill() {
      if (!server) return;
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      running.delete(server);
      await gone;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1');
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
  });
}
