import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { rest, sharedService } from '../support/service.js';

/** Calls the shared service. */
async function call(method: string, path: string, body?: unknown) {
  const { url } = await sharedService();
  return rest(url, method, path, body);
}

/** A school of its own, connected over REST. */
async function school(): Promise<string> {
  const { files } = await sharedService();
  const institutionId = randomUUID();
  await mkdir(join(files, institutionId), { recursive: true });
  await writeFile(join(files, institutionId, 'students.csv'), 'id,nombres\n1,Ana\n');
  const config = { importPath: institutionId, timeZone: 'America/Bogota' };
  const { body } = await call('POST', '/integrations', { institutionId, provider: 'GENERIC_CSV', config });
  return body.id;
}

describe('schedules over REST', () => {
  it('are set, shown with their next times, listed and removed', async () => {
    const id = await school();
    const path = `/integrations/${id}/schedules/STUDENT`;
    const calendar =
      'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Feriado\r\nDTSTART;VALUE=DATE:20990918\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n';
    const set = await call('PUT', path, { cron: '30 2 * * *', jitterSeconds: 60, calendar });
    expect(set.status).to.equal(200);
    expect(set.body).to.deep.include({
      integrationId: id,
      entityType: 'STUDENT',
      kind: 'SCHEDULE_KIND_SYNC',
      cron: '30 2 * * *',
      timeZone: 'America/Bogota',
      jitterSeconds: 60,
      blackouts: [{ name: 'Feriado', from: '2099-09-18', to: '2099-09-18' }],
      lastRuns: [],
      failuresInRow: 0,
    });
    expect(set.body.nextTimes).to.have.length(5);
    expect(set.body.nextTimes[0]).to.match(/T07:30:00Z$/);
    expect((await call('GET', path)).body).to.deep.equal(set.body);
    const preview = await call('PUT', path, { cron: '0 * * * *', kind: 'SCHEDULE_KIND_PREVIEW' });
    expect((await call('GET', `/integrations/${id}/schedules`)).body).to.deep.equal([preview.body, set.body]);
    expect((await call('DELETE', path)).status).to.equal(204);
    expect((await call('GET', path)).status).to.equal(404);
    expect((await call('GET', `${path}?kind=SCHEDULE_KIND_PREVIEW`)).body).to.deep.equal(preview.body);
    expect((await call('GET', `/integrations/${id}/drift`)).body).to.deep.equal({ drifts: [] });
  });

  it('are refused with the names of what is wrong', async () => {
    const id = await school();
    const refused = await call('PUT', `/integrations/${id}/schedules/ALL`, {
      cron: 'each morning',
      timeZone: 'Nowhere',
      blackouts: [{ from: 'soon', to: 'later' }],
    });
    expect(refused.status).to.equal(400);
    const text = JSON.stringify(refused.body);
    for (const field of ['cron', 'timeZone', 'blackouts[0]']) expect(text).to.contain(`"${field}"`);
  });
});
