import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * Shows that this process lives, by a socket at this path: the kernel takes connections until the process is gone,
 * even while it is frozen. Returns the function that ends it.
 */
export async function showLife(path: string): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy());
  server.listen(path);
  await once(server, 'listening');
  // A connection that could not be taken (no descriptors, no memory) shows life as well, and is no end of this process.
  server.on('error', () => {});
  server.unref();
  return async () => {
    server.close();
    await once(server, 'close');
  };
}

/** Whether the process that shows its life at this path lives, in whichever container of this machine. */
export async function showsLife(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    // EAGAIN: it lives, and has not taken those that came before.
    return !['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes((error as NodeJS.ErrnoException).code ?? '');
  } finally {
    socket.destroy();
  }
}
