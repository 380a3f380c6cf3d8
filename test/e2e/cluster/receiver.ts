import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/**
 * A receiver of events that may be killed at any moment: each is on the disk before it is answered. Arguments: the port
 * (0: any) and the file. Tells its parent the port.
 */
const [port = '0', path = ''] = process.argv.slice(2);
const file = openSync(path, 'a');
process.once('exit', () => closeSync(file));
const server = createServer(async (request, response) => {
  const body = await text(request);
  writeSync(file, `${JSON.stringify({ id: request.headers['webhook-id'], body })}\n`);
  fsyncSync(file);
  response.writeHead(204).end();
});
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 });
});
process.once('disconnect', () => process.exit(0));
