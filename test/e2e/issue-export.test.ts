import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { generateSchool } from '../../examples/colegio-san-martin/school.js';
import { IntegrationService } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { rest, sharedService, TOKEN } from '../support/service.js';

const TYPES = ['COURSE', 'TEACHER', 'GROUP', 'STUDENT'] as const;
const bearer: Interceptor = (next) => (request) => {
  request.header.set('Authorization', `Bearer ${TOKEN}`);
  return next(request);
};

/** Colegio San Martín, connected over REST. */
async function sanMartin() {
  const { url, files } = await sharedService();
  const institutionId = randomUUID();
  const folder = join(files, institutionId);
  await mkdir(folder, { recursive: true });
  const put = (name: string, content: Buffer | string) => writeFile(join(folder, name), content);
  const school = generateSchool();
  for (const [name, content] of Object.entries(school)) await put(name, content);
  const config = { importPath: institutionId };
  const { body } = await rest(url, 'POST', '/integrations', {
    institutionId,
    provider: 'GENERIC_CSV',
    config,
  });
  const id: string = body.id;
  const sync = async (entityType: string) =>
    (await rest(url, 'POST', `/integrations/${id}/sync`, { entityType })).body;
  const exported = (runId: string, query = '') =>
    fetch(`${url}/integrations/${id}/runs/${runId}/issues/export${query}`, {
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
  return { url, id, school, put, sync, exported };
}

describe('failed rows over the wire', () => {
  it('come back as a file, are corrected, and go in', async () => {
    const { id, url, school, put, sync, exported } = await sanMartin();
    const runs = new Map<string, string>();
    for (const type of TYPES) runs.set(type, (await sync(type)).runId);
    const run = (type: (typeof TYPES)[number]) => runs.get(type) as string;

    const answer = await exported(run('STUDENT'));
    expect(answer.status).to.equal(200);
    expect(Object.fromEntries(answer.headers)).to.deep.include({
      'content-type': 'text/csv; charset=windows-1252',
      'content-disposition': 'attachment; filename="students-errors.csv"',
      'x-content-type-options': 'nosniff',
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    // As latin1 every byte is a character: the rows are the school's, byte for byte.
    const original = (school['students.csv'] as Buffer).toString('latin1').split('\r\n');
    const [header, ...rows] = bytes.toString('latin1').split('\r\n');
    expect(header).to.equal(`${original[0]};error`);
    expect(rows.pop()).to.equal('');
    expect(rows).to.have.length(4);
    for (const [index, line] of [222, 318, 407].entries()) {
      expect(rows[index]?.startsWith(`${original[line - 1]};`), `line ${line}`).to.equal(true);
      expect(rows[index]).to.match(new RegExp(`;"?line ${line}: `));
    }
    expect(rows[3]?.startsWith(`${original[589]};;;;;"line 590: the row has 6 columns`)).to.equal(true);

    for (const transport of [
      createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [bearer] }),
      createConnectTransport({ baseUrl: url, httpVersion: '1.1', useHttpGet: true, interceptors: [bearer] }),
      createGrpcTransport({ baseUrl: url, interceptors: [bearer] }),
    ]) {
      const client = createClient(IntegrationService, transport);
      const dispositions: (string | null)[] = [];
      const { file, fileName } = await client.exportSyncIssues(
        { id, runId: run('STUDENT') },
        { onHeader: (headers) => void dispositions.push(headers.get('content-disposition')) },
      );
      expect([file?.contentType, fileName]).to.deep.equal([
        'text/csv; charset=windows-1252',
        'students-errors.csv',
      ]);
      expect(Buffer.from(file?.data ?? []).equals(bytes)).to.equal(true);
      expect(dispositions).to.deep.equal(['attachment; filename="students-errors.csv"']);
    }

    // Somebody corrects them in a spreadsheet, and leaves the last column as it is.
    const columns = rows.map((row) => row.split(';'));
    const [nameless, codeless, twice, short] = columns as [string[], string[], string[], string[]];
    nameless.splice(2, 2, 'Ana', 'Mu\xf1oz');
    codeless[0] = 'E8001';
    twice[0] = 'E8002';
    short.splice(6, 3, '02/03/2026', '01/01/2015', 'ACTIVO');
    await put(
      'students.csv',
      Buffer.from([header, ...columns.map((cells) => cells.join(';')), ''].join('\r\n'), 'latin1'),
    );
    const memberships = await (await exported(run('STUDENT'), '?file=memberships.csv')).text();
    expect(memberships).to.match(
      /^grupo_id,persona_id,rol,error\r\n\w+,E9999,alumno,"line 501: student ""E9999"" is not known/,
    );
    await put('memberships.csv', memberships.replace('E9999', 'E8001'));
    const teachers = await (await exported(run('TEACHER'))).text();
    expect(teachers.split('\r\n')).to.have.length(3);
    await put('teachers.csv', teachers.replace(/(\r\n)P\d+/, '$1P999'));

    for (const [type, synced] of [
      ['TEACHER', 1],
      ['STUDENT', 4],
    ] as const) {
      const second = await sync(type);
      expect(second).to.deep.include({ success: true, errors: [], synced });
      expect(second.counts).to.deep.include({ created: synced, missing: 0, deactivated: 0, failed: 0 });
      const none = await exported(second.runId);
      expect(none.status).to.equal(404);
      expect(JSON.stringify(await none.json())).to.match(/No row failed in this run.*NO_FAILED_ROWS/);
    }
    const logs = (await rest(url, 'GET', `/integrations/${id}/logs`)).body;
    expect(logs.mappingsCount).to.equal(48 + 60 + 48 + 1_200);
  });

  it('are refused where there are none, and to who has no token', async () => {
    const { url, id, sync, exported } = await sanMartin();
    const { runId } = await sync('COURSE');
    expect((await exported(runId)).status).to.equal(404);
    expect((await exported(randomUUID())).status).to.equal(404);
    expect((await exported(runId, '?files=x')).status).to.equal(400);
    expect((await fetch(`${url}/integrations/${id}/runs/${runId}/issues/export`)).status).to.equal(401);
  });
});
