import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { rest, sharedService } from '../support/service.js';
import { until } from '../support/until.js';

const list = (most: number) =>
  `id,nombres\n${Array.from({ length: most }, (_, nth) => `S${nth},Ana${nth}\n`).join('')}S99,\n`;

/** A school at the shared service, and the lines of the log that name it. */
async function school() {
  const { url, files, log } = await sharedService();
  const institutionId = randomUUID();
  const folder = join(files, institutionId);
  await mkdir(folder, { recursive: true });
  const write = (csv: string) => writeFile(join(folder, 'students.csv'), csv);
  await write(list(12));
  await writeFile(join(folder, 'groups.csv'), 'id,nombre\nG1,1A\n');
  const config = { importPath: institutionId, exportPath: institutionId };
  const settings = { institutionId, provider: 'GENERIC_CSV', config };
  const { id } = (await rest(url, 'POST', '/integrations', settings)).body;
  const lines = () => log.filter((line) => line.includes(id)).map((line) => JSON.parse(line));
  /** The first line with this message, once it is there. */
  const line = async (msg: string) => {
    await until(() => lines().some((each) => each.msg === msg));
    return lines().find((each) => each.msg === msg);
  };
  const sync = () => rest(url, 'POST', `/integrations/${id}/sync`, {});
  return { id, institutionId, url, folder, write, line, sync };
}

describe('the log of the service, at night', () => {
  it('says of a sync that is held why, and nothing of the rows of the school', async () => {
    const { write, line, sync } = await school();
    await sync();
    await write(list(1));
    await sync();
    const held = await line('sync run held');
    expect(held).to.include({ level: 40, status: 'HELD' });
    expect(held.reason).to.match(/^Held: 11 of 12 .* students would go/);
    expect(JSON.stringify(held)).to.not.contain('S99');
  });

  it('names the school of a connection that does not work', async () => {
    const { id, url, folder, line } = await school();
    await rm(folder, { recursive: true });
    await rest(url, 'POST', `/integrations/${id}/test`);
    expect(await line('call that did not do what was asked')).to.include({
      level: 40,
      outcome: 'FAILED',
      integrationId: id,
    });
  });

  it('says of marks that left by themselves and did not arrive of which school and session they are', async () => {
    const { id, institutionId, url, line, sync } = await school();
    await sync();
    const session = randomUUID();
    const institution = `/institutions/${institutionId}`;
    const student = randomUUID();
    await rest(url, 'PUT', `${institution}/students/${student}`, { givenName: 'Luz', familyName: 'Sol' });
    const [group] = (await rest(url, 'GET', `${institution}/groups`)).body;
    await rest(url, 'PUT', `${institution}/class-sessions/${session}`, {
      groupId: group.id,
      startsAt: '2026-03-02T11:00:00Z',
      endsAt: '2026-03-02T12:30:00Z',
    });
    const marks = { records: [{ studentId: student, status: 'PRESENT' }], close: true };
    await rest(url, 'POST', `${institution}/class-sessions/${session}/attendance`, marks);
    const told = await line('marks did not arrive');
    expect(told).to.include({ level: 40, integrationId: id, sessionId: session, sent: 0, errors: 1 });
    expect(JSON.stringify(told)).to.not.contain('Luz');
  });

  it('says of an event that no receiver took that it was not taken, and why', async () => {
    const { institutionId, url, sync, line } = await school();
    const receiver = { url: 'http://127.0.0.1:1/hook', types: ['sync.completed'] };
    await rest(url, 'POST', `/institutions/${institutionId}/subscriptions`, receiver);
    await sync();
    expect(await line('event not taken')).to.include({
      level: 40,
      institutionId,
      host: '127.0.0.1:1',
      reason: 'nothing listens there',
    });
  });
});
