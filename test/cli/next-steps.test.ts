import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { rest } from '../support/service.js';
import { run, school, students } from './command.js';

const TWELVE = Array.from({ length: 12 }, (_, nth) => `Ana${nth}`);

/** The one command that begins so in what was said, without the name of the program. */
function commandIn(said: string, beginning: string): string[] {
  const [found, ...others] = said.match(new RegExp(`smartid ${beginning} \\S+ [0-9a-f-]{36}`, 'g')) ?? [];
  expect([found, others], said).to.deep.equal([found, []]);
  return (found ?? '').split(' ').slice(1);
}

/** Sends a mark that the school does not take: where its attendance goes is no folder. */
async function sendInVain({ id, institutionId, folder, url, smartid }: Awaited<ReturnType<typeof school>>) {
  await smartid('integrations', 'update', id, '--set', `exportPath=${folder}/students.csv`);
  const institution = `/institutions/${institutionId}`;
  const session = randomUUID();
  const [student] = (await rest(url, 'GET', `${institution}/students?pageSize=1`)).body;
  const [group] = (await rest(url, 'GET', `${institution}/groups`)).body;
  await rest(url, 'PUT', `${institution}/class-sessions/${session}`, {
    groupId: group.id,
    startsAt: '2026-03-02T11:00:00Z',
    endsAt: '2026-03-02T12:30:00Z',
  });
  const records = [{ studentId: student.id, status: 'PRESENT' }];
  await rest(url, 'POST', `${institution}/class-sessions/${session}/attendance`, { records });
  const { body } = await rest(url, 'POST', `/integrations/${id}/send-attendance`, { sessionId: session });
  expect(body.success, JSON.stringify(body)).to.equal(false);
}

describe('what the command line says to do next', () => {
  it('after rows that were not right: the command that lists them', async () => {
    const { id, smartid } = await school({ 'students.csv': `${students('Ana', 'Eva')}S3,,\n` });
    const { code, err } = await smartid('sync', id, '--watch');
    expect(code).to.equal(4);
    const { out } = await smartid(...commandIn(err, 'issues'));
    expect(out).to.contain('students.csv line 4').and.contain('has no name');
  });

  it('after a plan is approved that has such rows: the same command', async () => {
    const { id, smartid } = await school({ 'students.csv': `${students('Ana', 'Eva')}S3,,\n` });
    const { out } = await smartid('preview', id);
    const { code, err } = await smartid(...commandIn(out, 'plan show').with(1, 'approve'), '--yes');
    expect(code).to.equal(4);
    expect((await smartid(...commandIn(err, 'issues'))).out).to.contain('students.csv line 4');
  });

  it('nothing after a sync of which all went well', async () => {
    const { id, smartid } = await school({ 'students.csv': students('Ana', 'Eva') });
    const { code, err } = await smartid('sync', id, '--watch');
    expect(code).to.equal(0);
    expect(err).to.not.contain('smartid');
  });

  it('after a sync that is held: why each part waits, and the commands that show it and decide', async () => {
    const row = (name: string, nth: number) => `S${nth},${name},Paz,1${nth < 6 ? 'A' : 'B'}\n`;
    const list = (names: string[]) => `id,nombres,apellidos,grupo\n${names.map(row).join('')}`;
    const { id, smartid, write } = await school({ 'students.csv': list(TWELVE) });
    expect((await smartid('sync', id, '--watch')).code).to.equal(0);
    await write({ 'students.csv': list(TWELVE.slice(0, 2)) });
    await smartid('sync', id, '--watch');
    const held = await smartid('sync', id, '--watch');
    expect(held.code, held.err).to.equal(3);
    const both = /without a group[\s\S]*students would go/;
    expect(held.err).to.match(both);
    const shown = await smartid(...commandIn(held.err, 'plan show'));
    expect(shown.out).to.match(/MISSING|DEACTIVATE/);
    expect(shown.err).to.match(both);
    const discarded = await smartid(...commandIn(held.err, 'plan discard'));
    expect(discarded.out).to.contain('DISCARDED');
    expect(discarded.err).to.not.contain('Approve');
    expect((await smartid('runs', 'list', id, '--status', 'HELD')).out).to.not.contain('HELD');
  });

  it('in a list of the runs of all schools: why each failed, and both ids that `runs show` asks for', async () => {
    const { id, env, smartid } = await school({ 'teachers.csv': 'id,nombres\nT1,Eva\n' });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    const { out } = await run(['runs', 'list', '--status', 'FAILED', '--limit', '20'], env);
    const line = out.split('\n').find((each) => each.includes(id)) ?? '';
    expect(line, out).to.contain('students.csv is not where the files are imported from');
    const [runId = '', integrationId = ''] = line.split(/\s+/);
    expect((await smartid('runs', 'show', integrationId, runId)).code).to.equal(0);
  });

  it('by doctor: the plans that wait for a decision, and the marks that did not arrive with their reason', async () => {
    const made = await school({
      'students.csv': students(...TWELVE),
      'groups.csv': 'id,nombre\nG1,1A\n',
    });
    const { id, smartid, json, write } = made;
    await smartid('sync', id, '--watch');
    const said = async () =>
      (await smartid('doctor')).out.split('\n').filter((line) => line.startsWith('warning'));
    expect((await said()).filter((line) => line.includes(id))).to.deep.equal([]);
    await sendInVain(made);
    const marks =
      (await said()).find((line) => line.includes(id) && line.includes('marks did not arrive')) ?? '';
    expect(marks)
      .to.contain('is not a folder')
      .and.contain(`smartid attendance deliveries ${id} --status FAILED`);
    await write({ 'students.csv': students('Ana0') });
    await smartid('sync', id, '--watch');
    expect((await smartid('sync', id, '--watch')).code).to.equal(3);
    expect((await said()).join()).to.match(/plans: .* for a decision: smartid runs list --status HELD/);
    const held: { id: string; parentId?: string }[] = await json('runs', 'list', id, '--status', 'HELD');
    await smartid('plan', 'discard', id, held.find(({ parentId }) => !parentId)?.id ?? '');
  });

  it('where a link is refused since the person has an id already: the command that gives the new one', async () => {
    const row = (code: string) => `id,rut,nombres\n${code},21000001-1,Ana\n`;
    const { id, smartid, json, write } = await school({ 'students.csv': row('A1') });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    await write({ 'students.csv': `${row('B1')}A2,,Eva\n` });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    const [conflict] = await json('conflicts', 'list', id);
    const link = ['--link', conflict.candidates[0].internalId];
    const refused = await smartid('conflicts', 'resolve', id, conflict.id, ...link);
    expect(refused.code).to.equal(1);
    expect(refused.err).to.contain(`smartid mappings rekey ${id} STUDENT --from "A1" --to "B1"`);
    expect(
      (await smartid('mappings', 'rekey', id, 'STUDENT', '--from', 'A1', '--to', 'B1', '--yes')).code,
    ).to.equal(0);
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    expect(await json('conflicts', 'list', id)).to.deep.equal([]);
  });
});
