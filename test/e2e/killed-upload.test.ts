import { randomUUID } from 'node:crypto';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import { rest, startService, TOKEN } from '../support/service.js';
import { until } from '../support/until.js';

const HOUR_MS = 60 * 60 * 1_000;

/** Makes a file as old as it is once nobody can be writing it any more. */
async function age(path: string): Promise<void> {
  const then = new Date(Date.now() - 2 * HOUR_MS);
  await utimes(path, then, then);
}

describe('what a process leaves that is killed while it takes a file', () => {
  it('is deleted by the next that starts once it is old, and what another may be writing is not', async () => {
    const service = await startService();
    const { body } = await rest(service.url, 'POST', '/integrations', {
      institutionId: randomUUID(),
      provider: 'GENERIC_CSV',
      config: { importPath: 'uploads/{id}' },
      credentials: {},
    });
    const { id } = body as { id: string };
    const folder = join(service.files, 'uploads', id);
    const sending = request(`${service.url}/integrations/${id}/files`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'multipart/form-data; boundary=b' },
    });
    sending.on('error', () => undefined);
    const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="students.csv"\r\n\r\n';
    sending.write(head + 'id;nombres\n1;Ana\n'.repeat(20_000));
    const left = (): Promise<string[]> => readdir(folder).catch(() => []);
    await until(async () => {
      const [name] = await left();
      return name !== undefined && (await stat(join(folder, name))).size > 0;
    });
    await service.stop('SIGKILL');
    const [draft] = (await left()) as [string];
    expect(draft).to.match(/^\./);
    await age(join(folder, draft));
    // Of another process, which writes it this very moment; and a file of somebody else.
    const live = `.${randomUUID()}.tmp`;
    await writeFile(join(folder, live), 'id;nombres\n2;Eva\n');
    await writeFile(join(folder, '.notes.tmp'), 'mine');
    await age(join(folder, '.notes.tmp'));
    // An integration that is gone.
    const gone = join(service.files, 'uploads', randomUUID());
    await mkdir(gone);
    await writeFile(join(gone, `.${randomUUID()}.tmp`), 'id;nombres\n3;Luz\n');
    for (const name of await readdir(gone)) await age(join(gone, name));
    const next = await startService({ dataDir: service.dataDir });
    try {
      await until(async () => !(await left()).includes(draft) && (await readdir(gone)).length === 0);
      expect((await left()).sort()).to.deep.equal(['.notes.tmp', live].sort());
    } finally {
      await next.stop();
    }
  });
});
