import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { getOption, hasOption } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { http } from '../../gen/google/api/annotations_pb.js';
import { services } from '../../src/rpc/index.js';
import { sharedService } from '../support/service.js';
import { type Operation, operations, readDocument } from './document.js';

/** What is bound to a path in the contract that the service serves, `GET /integrations/{}`. */
function boundRoutes(): string[] {
  return services.flatMap(({ methods }) =>
    methods.flatMap((rpc) => {
      if (!hasOption(rpc, http)) return [];
      const rule = getOption(rpc, http);
      return [rule, ...rule.additionalBindings].map(({ pattern }) =>
        shapeOf(pattern.case ?? '', pattern.value ?? ''),
      );
    }),
  );
}

const shapeOf = (method: string, path: unknown) =>
  `${method.toUpperCase()} ${String(path).replace(/\{[^}]+\}/g, '{}')}`;

/** The methods that the running service takes at a path: it names them to who comes with another. */
async function takenAt(url: string, path: string): Promise<string[]> {
  const response = await fetch(url + path, { method: 'PROPFIND' });
  await response.body?.cancel();
  expect(response.status, path).to.equal(405);
  return (response.headers.get('allow') ?? '').split(', ');
}

describe('the OpenAPI document', () => {
  it('has every route of the contract, and no other but the pages of operators', () => {
    const pages = ['GET /healthz', 'GET /readyz', 'GET /version', 'GET /metrics', 'GET /openapi.json'];
    const documented = operations().map(({ method, path }) => shapeOf(method, path));
    expect([...documented].sort()).to.deep.equal([...boundRoutes(), ...pages].sort());
  });

  it('names at each path the methods that the running service takes there, and no others', async () => {
    const { url } = await sharedService();
    const served = operations().filter(({ tags }) => !tags.includes('Operation'));
    const paths = new Set(served.map(({ path }) => path));
    expect(paths.size).to.be.greaterThan(50);
    for (const path of paths) {
      // Where one path has a word, another may have a value.
      const fits = ({ path: other }: Operation) =>
        other.split('/').every((part, n) => part.startsWith('{') || part === path.split('/')[n]) &&
        other.split('/').length === path.split('/').length;
      const documented = new Set(served.filter(fits).map(({ method }) => method));
      const taken = await takenAt(url, path.replace(/\{[^}]+\}/g, 'x'));
      expect(taken.sort(), path).to.deep.equal([...documented].sort());
    }
  });

  it('has an id, a summary and a description for each operation, each id once', () => {
    const ids = operations().map(({ operationId }) => operationId);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const { operationId, summary } of operations() as (Operation & { summary: string })[])
      expect(summary, operationId).to.match(/^[A-Z]/);
  });

  it('is of the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(process.cwd(), 'package.json'), 'utf8'));
    expect(readDocument().info.version).to.equal(version);
  });
});

describe('what the service serves of the reference, without a token', () => {
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const { url } = await sharedService();
    // fetch unpacks, and hides what it unpacked.
    return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }>(
      (resolve, reject) => {
        httpRequest(url + path, { headers }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks),
            }),
          );
        })
          .on('error', reject)
          .end();
      },
    );
  };

  it('is the document as it was generated, with an ETag under which it is not sent twice', async () => {
    const { status, headers, body } = await get('/openapi.json');
    expect([status, headers['content-type']]).to.deep.equal([200, 'application/json']);
    expect(JSON.parse(body.toString())).to.deep.equal(readDocument());
    const again = await get('/openapi.json', { 'If-None-Match': headers.etag as string });
    expect([again.status, again.body.length]).to.deep.equal([304, 0]);
    const other = await get('/openapi.json', { 'If-None-Match': '"other"' });
    expect(other.status).to.equal(200);
  });

  it('is packed for who takes it, each form under an ETag of its own', async () => {
    const forms = await Promise.all(
      ['identity', 'gzip', 'gzip, br', 'br;q=0, gzip'].map((name) =>
        get('/openapi.json', { 'Accept-Encoding': name }),
      ),
    );
    expect(forms.map(({ headers }) => headers['content-encoding'])).to.deep.equal([
      undefined,
      'gzip',
      'br',
      'gzip',
    ]);
    expect(new Set(forms.map(({ headers }) => headers.etag)).size).to.equal(3);
    const [plain, gzip, br] = forms.map(({ body }) => body.length) as [number, number, number];
    expect(gzip).to.be.lessThan(plain / 5);
    expect(br).to.be.lessThan(gzip);
  });

  it('is a page without a script in it, whose files are of this service, under a policy that allows no other', async () => {
    const { headers, body } = await get('/docs');
    expect(headers['content-security-policy']).to.contain("script-src 'self'").and.not.contain('unsafe');
    const page = body.toString();
    const files = [...page.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, file]) => file as string);
    expect(files).to.have.length(4);
    for (const file of files) expect((await get(`/${file}`)).status, file).to.equal(200);
    expect(page).to.not.match(/https?:|<script>|\son\w+=/);
  });

  it('takes no other method, serves no other file, and finds its page with a slash too', async () => {
    const { url } = await sharedService();
    expect((await fetch(`${url}/docs`, { method: 'POST' })).status).to.equal(405);
    for (const path of ['/docs/files.json', '/docs/../package.json', '/docs/LICENSE', '/docs/start.js.gz'])
      expect((await get(path)).status, path).to.equal(404);
    expect((await fetch(`${url}/docs/`)).url).to.equal(`${url}/docs`);
  });
});
