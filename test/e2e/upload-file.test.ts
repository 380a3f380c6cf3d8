import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import {
  IntegrationService,
  UploadFileRequestSchema,
} from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { sharedService, TOKEN } from '../support/service.js';
import { writeWorkbook } from '../support/workbook.js';

const CSV = 'Colegio San Martín;;;\nid;nombres;apellidos;Teléfono\n1;Ana;Soto;99\n2;José;Díaz;\n3;;;\n';
const MIB = 1024 * 1024;

interface School {
  id: string;
  institutionId: string;
  url: string;
  /** Names of the files that were uploaded for it. */
  stored(): Promise<string[]>;
  lay(name: string, content: string): Promise<void>;
  read(name: string): Promise<string>;
  call(method: string, path: string, body?: unknown): Promise<{ status: number; json: never }>;
}

async function school(config: object = { importPath: 'uploads/{id}' }): Promise<School> {
  const { url, files } = await sharedService();
  const institutionId = randomUUID();
  const call: School['call'] = async (method, path, body) => {
    const answer = await fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, json: (text === '' ? undefined : JSON.parse(text)) as never };
  };
  const { json } = await call('POST', '/integrations', {
    institutionId,
    provider: 'GENERIC_CSV',
    config,
    credentials: {},
  });
  const { id } = json as { id: string };
  const folder = join(files, 'uploads', id);
  return {
    id,
    institutionId,
    url,
    stored: async () => (await readdir(folder).catch(() => [])).sort(),
    lay: (name, content) => writeFile(join(folder, name), content),
    read: (name) => readFile(join(folder, name), 'utf8'),
    call,
  };
}

/** Uploads by a form, as a browser does. */
async function upload(
  { id, url }: School,
  name: string,
  content: string | Buffer,
  { query = '', token = TOKEN }: { query?: string; token?: string } = {},
) {
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(Buffer.from(content))]), name);
  const answer = await fetch(`${url}/integrations/${id}/files${query}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
    body: form,
  });
  return { status: answer.status, json: (await answer.json()) as never };
}

/** Sends bytes as they are. */
function sendRaw({ id, url }: School, headers: Record<string, string>, pieces: (string | Buffer)[]) {
  return new Promise<{ status: number; json: { message: string } }>((resolve, reject) => {
    const request = httpRequest(`${url}/integrations/${id}/files`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${TOKEN}`, ...headers },
    });
    request.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) }));
    });
    request.on('error', reject);
    for (const piece of pieces) request.write(piece);
    request.end();
  });
}

describe('a file that is uploaded', () => {
  it('over REST is kept in the folder of its integration, told how it is understood, and synced', async () => {
    const at = await school();
    const { status, json } = await upload(at, 'students.csv', CSV);
    expect(status, JSON.stringify(json)).to.equal(200);
    const { lists, sha256: _, ...file } = json as { lists: Record<string, unknown>[]; sha256: string };
    expect(file).to.deep.equal({
      name: 'students.csv',
      sizeBytes: String(Buffer.byteLength(CSV)),
      unchanged: false,
    });
    const { issues, ...list } = lists[0] as { issues: { rule: string }[] };
    expect(list).to.deep.equal({
      list: 'students',
      entityType: 'STUDENT',
      headerLine: 2,
      columns: [
        { header: 'id', field: 'externalId', isMetadata: false },
        { header: 'nombres', field: 'givenName', isMetadata: false },
        { header: 'apellidos', field: 'familyName', isMetadata: false },
        { header: 'Teléfono', isMetadata: false },
      ],
      rows: [
        { line: 3, cells: ['1', 'Ana', 'Soto', '99'] },
        { line: 4, cells: ['2', 'José', 'Díaz', ''] },
        { line: 5, cells: ['3', '', '', ''] },
      ],
      rowCount: 3,
      errorCount: 0,
      warningCount: 1,
    });
    expect(issues.map(({ rule }) => rule)).to.deep.equal(['file.titles']);
    expect(await at.stored()).to.deep.equal(['students.csv']);
    expect(await at.read('students.csv')).to.equal(CSV);
    const synced = await at.call('POST', `/integrations/${at.id}/sync`, { entityType: 'STUDENT' });
    expect((synced.json as { synced: number }).synced).to.equal(2);
  });

  it('is there once when it comes twice, with one event of the audit', async () => {
    const at = await school();
    for (const unchanged of [false, true, true]) {
      const { json } = await upload(at, 'students.csv', CSV);
      expect((json as { unchanged: boolean }).unchanged).to.equal(unchanged);
    }
    const { json } = await at.call('GET', `/institutions/${at.institutionId}/audit-events`);
    const events = (json as { action: string; actor: string; after: object }[]).filter(
      ({ action }) => action === 'integration.file_uploaded',
    );
    expect(events).to.have.length(1);
    expect(events[0]?.after).to.deep.include({ file: 'students.csv', sizeBytes: Buffer.byteLength(CSV) });
  });

  it('takes the place of the same list in another form, and leaves the others alone', async () => {
    const at = await school();
    await upload(at, 'students.csv', CSV);
    await upload(at, 'teachers.csv', 'id,nombres\nT1,Eva\n');
    const workbook = await writeWorkbook({
      sheets: [
        {
          name: 'Nómina',
          rows: [
            ['id', 'nombres', 'apellidos'],
            ['7', 'Luz', 'Vera'],
          ],
        },
      ],
    });
    const { status, json } = await upload(at, 'Nómina 2026.xlsx', workbook, { query: '?list=students' });
    expect(status, JSON.stringify(json)).to.equal(200);
    expect((json as { lists: { sheet: string }[] }).lists[0]?.sheet).to.equal('Nómina');
    expect(await at.stored()).to.deep.equal(['students.xlsx', 'teachers.csv']);
    // As a process leaves it that dies between the two steps.
    await at.lay('students.csv', CSV);
    const again = await upload(at, 'students.xlsx', workbook);
    expect((again.json as { unchanged: boolean }).unchanged).to.equal(false);
    expect(await at.stored()).to.deep.equal(['students.xlsx', 'teachers.csv']);
    const back = await upload(at, 'students.csv', CSV);
    expect(back.status).to.equal(200);
    expect(await at.stored()).to.deep.equal(['students.csv', 'teachers.csv']);
  });

  it('is told how it would be understood and not kept, where that is asked for', async () => {
    const at = await school();
    const { json } = await upload(at, 'students.csv', CSV, { query: '?validateOnly=true' });
    expect((json as { lists: { rowCount: number }[] }).lists[0]?.rowCount).to.equal(3);
    expect(await at.stored()).to.deep.equal([]);
  });

  it('leaves the one that was there where it is refused, and nothing of itself', async () => {
    const at = await school();
    await upload(at, 'students.csv', CSV);
    for (const [name, content, query, code, words] of [
      ['students.csv', '%PDF-1.7\n', '', 400, /students\.csv is no CSV but a PDF/],
      ['students.csv', '', '', 400, /is empty/],
      ['students.csv', 'a;b\n1;2\n', '', 400, /no header that is recognised/],
      ['students.xlsx', 'id;nombres\n1;Ana\n', '', 400, /no workbook.*end in \.csv/],
      ['nomina.csv', CSV, '', 400, /does not say by its name which list it is\. Call it students\.csv/],
      ['../students.csv.exe', CSV, '', 400, /does not say by its name/],
      ['nomina.pdf', CSV, '?list=students', 400, /form that is not read \(\.pdf\)/],
      ['nomina.txt', CSV, '?list=students', 400, /cannot be the list of students/],
      ['students.csv', CSV, '?list=parents', 400, /list/],
      ['students.csv', CSV, '?colour=red', 400, /colour/],
      ['students.csv', Buffer.alloc(50 * MIB + 1, 'x'), '', 413, /larger than 50 MiB/],
    ] as const) {
      const { status, json } = await upload(at, name, content, { query });
      expect(status, `${name} ${JSON.stringify(json)}`).to.equal(code);
      expect((json as { message: string }).message).to.match(words);
      expect(await at.stored()).to.deep.equal(['students.csv']);
    }
    expect(await at.read('students.csv')).to.equal(CSV);
    const path = `/institutions/${at.institutionId}/audit-events?refused=true`;
    const refused = (await at.call('GET', path)).json as { method: string; detail: string }[];
    expect(refused.map(({ method }) => method)).to.include('UploadFile');
    expect(refused.map(({ detail }) => detail).join()).to.contain('no CSV but a PDF');
  });

  it('is refused by who may not, by an integration that reads elsewhere, and by one that is not there', async () => {
    const at = await school();
    expect((await upload(at, 'students.csv', CSV, { token: 'wrong' })).status).to.equal(401);
    expect((await upload({ ...at, id: randomUUID() }, 'students.csv', CSV)).status).to.equal(404);
    const elsewhere = await upload(await school({ importPath: 'somewhere' }), 'students.csv', CSV);
    expect(elsewhere.status).to.equal(400);
    expect((elsewhere.json as { message: string }).message).to.match(/importPath to "uploads\/\{id\}"/);
    expect(await at.stored()).to.deep.equal([]);
  });

  it('is refused where the form is no form, has no file or two, or breaks off', async () => {
    const at = await school();
    const form = { 'Content-Type': 'multipart/form-data; boundary=b' };
    const part = (disposition: string, content: string) =>
      `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`;
    const file = part('name="file"; filename="students.csv"', CSV);
    for (const [headers, body, words] of [
      [{ 'Content-Type': 'text/csv' }, CSV, /multipart\/form-data/],
      [{ 'Content-Type': 'multipart/form-data' }, file, /multipart\/form-data/],
      [form, '--b--\r\n', /has no file/],
      [form, `${part('name="list"', 'students')}${file}--b--\r\n`, /not a file/],
      [form, `${file}${file}--b--\r\n`, /more than one file/],
      [form, file.slice(0, -40), /no form that can be read/],
      [form, 'nonsense', /no form that can be read|has no file/],
    ] as const) {
      const { status, json } = await sendRaw(at, headers, [body]);
      expect(status, `${body} ${JSON.stringify(json)}`).to.equal(400);
      expect(json.message).to.match(words);
      expect(await at.stored()).to.deep.equal([]);
    }
  });

  it('leaves nothing when its caller hangs up in the middle, and the next one is taken', async () => {
    const at = await school();
    await new Promise<void>((resolve) => {
      const request = httpRequest(`${at.url}/integrations/${at.id}/files`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'multipart/form-data; boundary=b' },
      });
      request.on('error', () => resolve());
      const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="students.csv"\r\n\r\n';
      request.write(head + 'id;nombres\n1;Ana\n'.repeat(10_000), () => request.destroy());
    });
    expect((await upload(at, 'students.csv', CSV)).status).to.equal(200);
    expect((await at.stored()).filter((name) => !name.endsWith('.tmp'))).to.deep.equal(['students.csv']);
  });

  it('ends as one whole file, whichever of several that come at once', async () => {
    const at = await school();
    const contents = Array.from({ length: 6 }, (_, n) => `id;nombres\n${`${n};Ana ${n}\n`.repeat(20_000)}`);
    const names = ['students.csv', 'students.csv'];
    const answers = await Promise.all(
      contents.map((content, n) => upload(at, names[n % 2] as string, content)),
    );
    for (const { status, json } of answers) expect(status, JSON.stringify(json)).to.equal(200);
    expect(await at.stored()).to.deep.equal(['students.csv']);
    expect(contents).to.include(await at.read('students.csv'));
  });

  it('is gone with its integration', async () => {
    const at = await school();
    await upload(at, 'students.csv', CSV);
    expect((await at.call('DELETE', `/integrations/${at.id}`)).status).to.equal(204);
    expect(await at.stored()).to.deep.equal([]);
  });

  it('keeps its integration where it cannot be removed, with a sentence, until it can', async () => {
    const at = await school();
    await upload(at, 'students.csv', CSV);
    const inTheWay = join((await sharedService()).files, 'uploads', at.id, 'teachers.csv');
    await mkdir(inTheWay);
    const refused = await at.call('DELETE', `/integrations/${at.id}`);
    expect(refused.status).to.equal(400);
    expect((refused.json as { message: string }).message).to.contain('teachers.csv');
    expect((await at.call('GET', `/integrations/${at.id}`)).status).to.equal(200);
    await rmdir(inTheWay);
    expect((await at.call('DELETE', `/integrations/${at.id}`)).status).to.equal(204);
    expect(await at.stored()).to.deep.equal([]);
  });

  it('comes by gRPC in pieces, of which the first says what it is', async () => {
    const at = await school();
    const client = createClient(
      IntegrationService,
      createGrpcTransport({
        baseUrl: at.url,
        interceptors: [
          (next) => (request) => {
            request.header.set('Authorization', `Bearer ${TOKEN}`);
            return next(request);
          },
        ],
      }),
    );
    async function* pieces(first: object, content: Buffer, size: number) {
      yield create(UploadFileRequestSchema, first);
      for (let from = 0; from < content.length; from += size)
        yield create(UploadFileRequestSchema, { data: content.subarray(from, from + size) });
    }
    const content = Buffer.from(`id;nombres\n${'1;Ana\n'.repeat(400_000)}`);
    const { file } = await client.uploadFile(
      pieces({ id: at.id, fileName: 'students.csv' }, content, 100_000),
    );
    expect(file?.sizeBytes).to.equal(BigInt(content.length));
    expect(file?.lists[0]?.rowCount).to.equal(400_000);
    expect(await at.read('students.csv')).to.equal(content.toString());
    for (const [first, size, code] of [
      [{ fileName: 'students.csv' }, 1_000, Code.InvalidArgument],
      [{ id: at.id }, 1_000, Code.InvalidArgument],
      [{ id: 'x', fileName: 'students.csv' }, 1_000, Code.InvalidArgument],
      [{ id: randomUUID(), fileName: 'students.csv' }, 1_000, Code.NotFound],
      [{ id: at.id, fileName: 'x.csv' }, 1_000, Code.InvalidArgument],
    ] as const) {
      const error = await client.uploadFile(pieces(first, content.subarray(0, 5_000), size)).catch((e) => e);
      expect(error).to.be.instanceOf(ConnectError);
      expect(ConnectError.from(error).code, JSON.stringify(first)).to.equal(code);
    }
    const large = Buffer.alloc(MIB, 'x');
    async function* tooMuch() {
      yield create(UploadFileRequestSchema, { id: at.id, fileName: 'students.csv' });
      for (let n = 0; n < 60; n++) yield create(UploadFileRequestSchema, { data: large });
    }
    expect(ConnectError.from(await client.uploadFile(tooMuch()).catch((e) => e)).code).to.equal(
      Code.ResourceExhausted,
    );
    expect(await at.stored()).to.deep.equal(['students.csv']);
  });
});
