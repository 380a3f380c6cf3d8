import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { rest, sharedService } from '../support/service.js';

const RUNS = ['20000000-5', '20000007-2', '20000014-5', '20000021-8', '20000028-5', '20000035-8'];

/** Six students of a school under other ids than before, synced over REST: the plan is held. */
async function renumberedSchool() {
  const { url, files } = await sharedService();
  const institutionId = randomUUID();
  await mkdir(join(files, institutionId), { recursive: true });
  const write = (prefix: string) =>
    writeFile(
      join(files, institutionId, 'students.csv'),
      `id,run,nombres,apellidos\n${RUNS.map((run, n) => `${prefix}${n},${run},Ana,Soto ${n}`).join('\n')}\n`,
    );
  const body = { institutionId, provider: 'GENERIC_CSV', config: { importPath: institutionId } };
  const { body: integration } = await rest(url, 'POST', '/integrations', body);
  const call = (method: string, path: string, given?: unknown) =>
    rest(url, method, `/integrations/${integration.id}${path}`, given);
  await write('A');
  expect((await call('POST', '/sync', { entityType: 'STUDENT' })).body.success).to.equal(true);
  await write('B');
  const { body: held } = await call('POST', '/sync', { entityType: 'STUDENT' });
  expect(held).to.deep.include({ success: false, status: 'HELD' });
  return { call, runId: held.runId as string };
}

describe('a school that renumbered, over REST', () => {
  it('is shown who would stay, a page at a time, and one approval re-keys them', async () => {
    const { call, runId } = await renumberedSchool();
    const { body, headers } = await call('GET', `/runs/${runId}/rekeys?pageSize=4`);
    expect(body).to.have.length(4);
    expect(body[0]).to.deep.include({
      externalId: 'A0',
      newExternalId: 'B0',
      rule: 'nationalId',
      givenName: 'Ana',
    });
    expect(headers.get('link')).to.contain('rel="next"');
    const approved = await call('POST', `/runs/${runId}/approve`, { rekey: true, reason: 'new year' });
    expect(approved.body.success).to.equal(true);
    const { body: mappings } = await call('GET', '/mappings?entityType=STUDENT');
    expect(mappings.map(({ externalId }: { externalId: string }) => externalId)).to.deep.equal(
      RUNS.map((_, n) => `B${n}`),
    );
    expect((await call('GET', '/conflicts')).body).to.deep.equal([]);
    const again = await call('POST', `/runs/${runId}/approve`, { rekey: true });
    expect([again.status, again.body.code]).to.deep.equal([400, 'failed_precondition']);
  });

  it('may decide by a rule about all conflicts at once, previewed before', async () => {
    const { call } = await renumberedSchool();
    const decision = { entityType: 'STUDENT', rule: 'nationalId', resolution: 'LINK' };
    const preview = await call('POST', '/conflicts/resolve', { ...decision, preview: true });
    expect(preview.body).to.deep.include({ rekeyed: 6, resolved: 0, left: 0 });
    expect(preview.body.decided[0]).to.deep.include({ externalId: 'B0', formerExternalId: 'A0' });
    expect((await call('GET', '/conflicts')).body).to.have.length(6);
    expect((await call('POST', '/conflicts/resolve', decision)).body).to.deep.include({ rekeyed: 6 });
    const { body } = await call('POST', '/sync', { entityType: 'STUDENT' });
    expect(body).to.deep.include({ success: true, errorCount: 0 });
    expect(body.counts).to.deep.include({ unchanged: 6, missing: 0, conflicts: 0 });
    for (const [wrong, field] of [
      [{ ...decision, rule: '' }, 'rule'],
      [{ ...decision, entityType: 'COURSE' }, 'entityType'],
      [{ ...decision, resolution: undefined }, 'resolution'],
    ] as const) {
      const { status, body: answer } = await call('POST', '/conflicts/resolve', wrong);
      expect([status, answer.code]).to.deep.equal([400, 'invalid_argument']);
      expect(answer.message).to.contain(field);
    }
  });
});
