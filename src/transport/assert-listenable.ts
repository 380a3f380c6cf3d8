import { once } from 'node:events';
import { createServer } from 'node:net';
import { createSecureContext } from 'node:tls';

/** Throws what listening would throw: the port is taken, the address is none of this machine, the key fits no certificate. */
export async function assertListenable({
  host,
  port,
  tls,
}: {
  host: string;
  port: number;
  tls?: { cert: string; key: string } | undefined;
}): Promise<void> {
  if (tls) createSecureContext(tls);
  const server = createServer();
  server.listen(port, host);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
