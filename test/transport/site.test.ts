import { mkdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import http2 from 'node:http2';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { AuditService } from '../../gen/smartid/integrations/v1/audit_service_pb.js';
import { services } from '../../src/rpc/index.js';
import { restPaths } from '../support/rest-paths.js';
import { tempFolder } from '../support/temp-folder.js';
import { openServer } from '../support/transport.js';

const SCRIPT = `console.log(${JSON.stringify('x'.repeat(2_000))})`;
const HTML = '<!doctype html><title>SmartID</title>';

/** A built site as scripts/console.mjs leaves it, beside a file that its list does not name. */
async function builtSite(): Promise<string> {
  const folder = await tempFolder();
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), HTML);
  await writeFile(join(folder, 'assets/app-1.js'), SCRIPT);
  await writeFile(join(folder, 'assets/app-1.js.br'), brotliCompressSync(SCRIPT));
  await writeFile(join(folder, 'assets/app-1.js.gz'), gzipSync(SCRIPT));
  await writeFile(join(folder, 'secret.txt'), 'of nobody');
  const script = { contentType: 'text/javascript; charset=utf-8', etag: '"s"', packings: ['br', 'gzip'] };
  const files = {
    'index.html': { contentType: 'text/html; charset=utf-8', etag: '"i"', packings: [] },
    'assets/app-1.js': script,
  };
  await writeFile(join(folder, 'files.json'), JSON.stringify({ pages: ['people'], files }));
  return folder;
}

/** A GET that is sent as it is: fetch would tidy its path and unpack its answer. */
function get(url: string, path: string, headers: http.OutgoingHttpHeaders = {}, method = 'GET') {
  return new Promise<{ status: number; headers: http.IncomingHttpHeaders; body: Buffer }>(
    (resolve, reject) => {
      const { hostname, port } = new URL(url);
      const request = http.request({ hostname, port, path, method, headers }, async (response) => {
        const pieces: Buffer[] = [];
        for await (const piece of response) pieces.push(piece as Buffer);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) });
      });
      request.on('error', reject).end();
    },
  );
}

describe('the console beside the calls', () => {
  it('is the document at / and at each of its pages, under a policy that lets no script in', async () => {
    const { url } = await openServer({ consoleFolder: await builtSite() });
    for (const path of [
      '/',
      '/?a=1',
      '/console',
      '/console/',
      '/console/people',
      '/console/people/7/STUDENT',
    ]) {
      const { status, headers, body } = await get(url, path);
      expect([path, status, body.toString()]).to.deep.equal([path, 200, HTML]);
      expect(headers['cache-control']).to.equal('no-cache');
      expect(headers['x-content-type-options']).to.equal('nosniff');
      const policy = String(headers['content-security-policy']).split('; ');
      expect(policy).to.include.members([
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
      ]);
    }
  });

  it('answers 404 to what is none of its pages or files, with the document that says so to a person', async () => {
    const { url } = await openServer({ consoleFolder: await builtSite() });
    const page = await get(url, '/console/nothing');
    expect([page.status, page.body.toString()]).to.deep.equal([404, HTML]);
    const file = await get(url, '/console/assets/none.js');
    expect([file.status, file.headers['content-type']]).to.deep.equal([404, 'text/plain; charset=utf-8']);
  });

  it('hands out files that its list names and no others, whatever the path says', async () => {
    const { url } = await openServer({ consoleFolder: await builtSite() });
    const paths = [
      '/console/secret.txt',
      '/console/files.json',
      '/console/assets/app-1.js.br',
      '/console/../secret.txt',
      '/console/assets/../secret.txt',
      '/console/assets/..%2fsecret.txt',
      '/console/%2e%2e/%2e%2e/etc/passwd',
      '/console/..\\secret.txt',
      '/console//etc/passwd',
    ];
    for (const path of paths) {
      const { body } = await get(url, path);
      expect(body.toString(), path).to.not.include('of nobody').and.not.include('root:');
    }
  });

  it('packs as the browser asks, and lets it keep what has a name of its own', async () => {
    const { url } = await openServer({ consoleFolder: await builtSite() });
    const path = '/console/assets/app-1.js';
    const plain = await get(url, path);
    expect([plain.headers['content-encoding'], plain.body.toString()]).to.deep.equal([undefined, SCRIPT]);
    const packed = await get(url, path, { 'Accept-Encoding': 'gzip, deflate, br' });
    expect(brotliDecompressSync(packed.body).toString()).to.equal(SCRIPT);
    expect(packed.headers).to.include({
      'content-encoding': 'br',
      vary: 'Accept-Encoding',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
    });
    expect(packed.headers.etag).to.not.equal(plain.headers.etag);
    const noBrotli = await get(url, path, { 'Accept-Encoding': 'br;q=0, gzip' });
    expect(noBrotli.headers['content-encoding']).to.equal('gzip');
    const known = await get(url, path, {
      'Accept-Encoding': 'br',
      'If-None-Match': `"x", W/${packed.headers.etag}`,
    });
    expect([known.status, known.body.length]).to.deep.equal([304, 0]);
  });

  it('answers HEAD without a body and 405 to every other method', async () => {
    const { url } = await openServer({ consoleFolder: await builtSite() });
    const head = await get(url, '/console/assets/app-1.js', {}, 'HEAD');
    expect([head.status, head.headers['content-length'], head.body.length]).to.deep.equal([
      200,
      String(SCRIPT.length),
      0,
    ]);
    const posted = await fetch(`${url}/console`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect([posted.status, posted.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
  });

  it('is served over HTTP/2 too', async () => {
    const { url } = await openServer({ consoleFolder: await builtSite() });
    const session = http2.connect(url);
    const stream = session.request({ ':path': '/console' });
    let text = '';
    for await (const piece of stream) text += piece;
    session.close();
    expect(text).to.equal(HTML);
  });

  it('stands in the way of no REST path', () => {
    const paths = restPaths([...services, AuditService]);
    expect(paths.length).to.be.greaterThan(50);
    expect(paths.filter((path) => path === '/' || path.startsWith('/console'))).to.deep.equal([]);
  });

  it('that was not built says so at /, and the calls work', async () => {
    const { url } = await openServer({ consoleFolder: join(await tempFolder(), 'none') });
    const { status, body } = await get(url, '/');
    expect([status, body.toString()]).to.deep.equal([
      404,
      'This service was built without its console. `npm run build` builds it.\n',
    ]);
    expect((await get(url, '/healthz')).status).to.equal(200);
  });
});
