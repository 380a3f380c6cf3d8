import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { listenOn } from '../support/listen.js';
import { rest } from '../support/service.js';
import { run, school, students } from './command.js';

const TWELVE = Array.from({ length: 12 }, (_, nth) => `Ana${nth}`);

describe('a decision by the command line', () => {
  it('on a held plan: 3 says that it waits, what it would change is shown, and it is applied or put away', async () => {
    const { id, smartid, json, write } = await school({ 'students.csv': students(...TWELVE) });
    expect((await smartid('sync', id, '--watch')).code).to.equal(0);
    await write({ 'students.csv': students('Ana0') });
    await smartid('sync', id, '--watch');
    const held = await smartid('sync', id, '--watch', '--json');
    expect(held.code, held.err).to.equal(3);
    const [{ id: runId }] = await json('runs', 'list', id, '--status', 'HELD');
    const changes = await json('plan', 'show', id, runId);
    expect(changes).to.have.length(11);
    expect(await json('plan', 'show', id, runId, '--action', 'missing', '--limit', '2')).to.have.length(2);
    const unasked = await smartid('plan', 'approve', id, runId);
    expect(unasked.code).to.equal(2);
    expect(unasked.err).to.contain('--yes').and.contain('11');
    const approved = await smartid('plan', 'approve', id, runId, '--yes', '--reason', 'they left');
    expect(approved, approved.err).to.include({ code: 0 });
    expect(approved.out).to.contain('COMPLETED');
    const again = await smartid('plan', 'discard', id, runId);
    expect(again.code).to.equal(1);
  });

  it('on a preview of all types: its changes and its issues are those of its parts', async () => {
    const { id, smartid, json } = await school({
      'students.csv': `${students('Ana', 'Eva')}S3,,\n`,
      'courses.csv': 'id,name\nC1,Algebra\n',
    });
    const previewed = await smartid('preview', id);
    const runId = /smartid plan show \S+ (\S+)/.exec(previewed.out)?.[1] as string;
    const changes: { entity: string; externalId: string }[] = await json('plan', 'show', id, runId);
    expect(changes.map(({ entity, externalId }) => `${entity} ${externalId}`)).to.have.members([
      'COURSE C1',
      'STUDENT S1',
      'STUDENT S2',
    ]);
    const issues: { line: number }[] = await json('issues', id, runId, '--severity', 'error');
    expect(issues.map(({ line }) => line)).to.deep.equal([4]);
    expect((await smartid('plan', 'approve', id, runId, '--yes')).out).to.contain('COMPLETED');
    expect(await json('mappings', 'list', id)).to.have.length(2);
  });

  it('on a preview: it is shown, discarded, and nothing was changed', async () => {
    const { id, smartid, json } = await school({ 'students.csv': students('Ana', 'Eva') });
    const previewed = await smartid('preview', id, '--entity', 'STUDENT');
    expect(previewed.code).to.equal(0);
    const runId = /smartid plan show \S+ (\S+)/.exec(previewed.out)?.[1] as string;
    expect((await smartid('plan', 'show', id, runId)).out).to.match(/CREATE +STUDENT +S1/);
    expect((await smartid('plan', 'discard', id, runId)).out).to.contain('DISCARDED');
    expect(await json('mappings', 'list', id)).to.deep.equal([]);
  });

  it('takes back a run once what that means was shown and agreed to', async () => {
    const { id, smartid, json } = await school({ 'students.csv': students('Ana', 'Eva') });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    const [{ id: runId }] = await json('runs', 'list', id);
    const unasked = await smartid('rollback', id, runId);
    expect(unasked.code).to.equal(2);
    expect(unasked.err).to.contain('2 deactivated');
    expect(await json('runs', 'list', id, '--status', 'PREVIEWED')).to.deep.equal([]);
    expect((await smartid('rollback', id, runId, '--preview')).out).to.contain('smartid plan show');
    const done = await smartid('rollback', id, runId, '--yes');
    expect(done, done.err).to.include({ code: 0 });
  });

  it('on a conflict: listed, decided, and done by the next sync', async () => {
    const csv = 'id,first_name,last_name,email\nX1,Ana,Paz,ana@example.org\n';
    const { id, institutionId, url, smartid, json } = await school({ 'students.csv': csv });
    const person = randomUUID();
    await rest(url, 'PUT', `/institutions/${institutionId}/students/${person}`, {
      givenName: 'Ana',
      familyName: 'Soto',
      email: 'ana@example.org',
    });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    const [conflict] = await json('conflicts', 'list', id);
    expect(conflict).to.include({ externalId: 'X1' });
    const { internalId, rule } = conflict.candidates[0];
    expect(internalId).to.equal(person);
    expect((await smartid('conflicts', 'resolve', id, conflict.id)).code).to.equal(2);
    const options = ['--entity', 'student', '--rule', rule, '--as', 'link'];
    const seen = await smartid('conflicts', 'resolve-all', id, ...options, '--preview');
    expect(seen.err).to.contain('1 would be decided');
    const decided = await smartid('conflicts', 'resolve', id, conflict.id, '--link', person);
    expect(decided, decided.err).to.include({ code: 0 });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    expect(await json('mappings', 'find', id, 'STUDENT', '--external', 'X1')).to.include({
      internalId: person,
    });
  });

  it('on the map of ids: found by either id, rekeyed, unlinked, with their history', async () => {
    const { id, smartid, json } = await school({ 'students.csv': students('Ana', 'Eva') });
    await smartid('sync', id, '--entity', 'STUDENT', '--watch');
    const { internalId } = await json('mappings', 'find', id, 'student', '--external', 'S1');
    expect((await smartid('mappings', 'find', id, 'student')).code).to.equal(2);
    expect((await smartid('mappings', 'rekey', id, 'STUDENT', '--from', 'S1', '--to', 'N1')).code).to.equal(
      2,
    );
    const rekeyed = await smartid('mappings', 'rekey', id, 'STUDENT', '--from', 'S1', '--to', 'N1', '--yes');
    expect(rekeyed, rekeyed.err).to.include({ code: 0 });
    expect(await json('mappings', 'find', id, 'STUDENT', '--internal', internalId)).to.include({
      externalId: 'N1',
    });
    const { internalId: other } = await json('mappings', 'find', id, 'STUDENT', '--external', 'S2');
    const merged = await smartid(
      ...['mappings', 'merge', id, 'STUDENT', '--keep', internalId, '--drop', other],
      ...['--keep-external', 'N1', '--yes'],
    );
    expect(merged, merged.err).to.include({ code: 0 });
    const unlinked = await smartid('mappings', 'unlink', id, 'STUDENT', '--external', 'N1', '--yes');
    expect(unlinked, unlinked.err).to.include({ code: 0 });
    const history = await json('mappings', 'history', id, 'STUDENT', '--internal', internalId);
    expect(history.map(({ action }: { action: string }) => action)).to.include.members([
      'CREATE',
      'REKEY',
      'UNLINK',
    ]);
  });
});

describe('a school by the command line', () => {
  it('is connected from a file or by options, changed and removed; a credential never stands in the arguments', async () => {
    const { id: _, env, smartid, json, folder } = await school({ 'students.csv': students('Ana') });
    const institution = randomUUID();
    const options = [
      '--institution',
      institution,
      '--provider',
      'moodle',
      '--set',
      'apiUrl=https://moodle.example',
    ];
    const shown = await smartid('integrations', 'create', ...options, '--set', 'wsToken=s3cret');
    expect(shown.code).to.equal(2);
    expect(shown.err).to.contain('--secret-env').and.not.contain('s3cret');
    const missing = await smartid('integrations', 'create', ...options);
    expect(missing.code).to.equal(2);
    expect(missing.err).to.contain('--secret-env wsToken=VARIABLE');
    env.MOODLE = 's3cret-token';
    const made = await smartid(
      'integrations',
      'create',
      ...options,
      '--secret-env',
      'wsToken=MOODLE',
      '--json',
    );
    const moodle = JSON.parse(made.out);
    expect(moodle).to.deep.include({ provider: 'MOODLE', credentialFields: ['wsToken'] });
    expect(made.out + made.err).not.to.contain('s3cret-token');
    await smartid('integrations', 'update', moodle.id, '--set', 'pageSize=250', '--status', 'inactive');
    const changed = await json('integrations', 'show', moodle.id);
    expect(changed).to.include({ status: 'INACTIVE' });
    expect(changed.config).to.deep.include({ pageSize: 250, apiUrl: 'https://moodle.example' });
    const unasked = await smartid('integrations', 'delete', moodle.id);
    expect(unasked.code).to.equal(2);
    expect((await smartid('integrations', 'delete', moodle.id, '--yes')).code).to.equal(0);
    const body = {
      institutionId: institution,
      provider: 'GENERIC_CSV',
      config: { importPath: folder },
      credentials: {},
    };
    const piped = await run(['integrations', 'create', '--file', '-'], env, JSON.stringify(body));
    expect(piped.code, piped.err).to.equal(0);
    const wrong = await run(['integrations', 'create', '--file', '-'], env, '{"conf": 1}');
    expect(wrong.code).to.equal(2);
    expect(wrong.err).to.contain('"conf"');
  });

  it('has schedules, subscriptions, secrets of webhooks, and an audit that is intact', async () => {
    const { id, institutionId, smartid, json } = await school({ 'students.csv': students('Ana') });
    const cron = [
      '--cron',
      '30 5 * * 1-5',
      '--zone',
      'America/Santiago',
      '--blackout',
      '2026-12-24/2027-03-01',
    ];
    const set = await smartid('schedule', 'set', id, ...cron);
    expect(set, set.err).to.include({ code: 0 });
    expect(set.out.match(/T08:30:00Z/g)).to.have.length(5);
    expect(await json('schedule', 'show', id)).to.include({ cron: '30 5 * * 1-5' });
    expect(await json('schedule', 'list', id)).to.have.length(1);
    expect((await smartid('schedule', 'set', id, '--cron', 'never')).code).to.equal(1);
    expect((await smartid('schedule', 'delete', id)).code).to.equal(0);
    const made = await json(
      'subscriptions',
      'create',
      institutionId,
      'http://127.0.0.1:9/hook',
      '--type',
      'sync.held',
    );
    expect(made.secret).to.match(/^whsec_/);
    const subscription = made.subscription.id;
    expect((await smartid('subscriptions', 'test', institutionId, subscription)).code).to.equal(1);
    expect(
      (await smartid('subscriptions', 'update', institutionId, subscription, '--disable')).code,
    ).to.equal(0);
    expect(await json('subscriptions', 'list', institutionId)).to.have.length(1);
    expect((await smartid('subscriptions', 'rotate-secret', institutionId, subscription)).out).to.match(
      /^whsec_/,
    );
    expect((await smartid('subscriptions', 'delete', institutionId, subscription, '--yes')).code).to.equal(0);
    expect((await smartid('webhooks', 'create-secret', id)).out).to.match(/^whsec_/);
    expect((await smartid('webhooks', 'rotate-secret', id, '--overlap', '60')).out).to.match(/^whsec_/);
    const secrets = await json('webhooks', 'secrets', id);
    expect(secrets).to.have.length(2);
    expect((await smartid('webhooks', 'delete-secret', id, secrets[0].id, '--yes')).code).to.equal(0);
    expect(await json('webhooks', 'list', id)).to.deep.equal([]);
    expect(await json('events', 'list', institutionId)).to.deep.equal([]);
    expect(await json('events', 'deliveries', institutionId)).to.deep.equal([]);
    expect(await json('drift', id)).to.deep.equal([]);
    const audit = await json('audit', 'list', institutionId, '--actor', 'admin');
    expect(audit.map(({ action }: { action: string }) => action)).to.include('schedule.set');
    expect((await smartid('audit', 'verify', institutionId)).code).to.equal(0);
    expect((await smartid('keys', 'list')).out).to.contain('integrationCount');
    expect(await json('attendance', 'deliveries', id)).to.deep.equal([]);
    expect((await smartid('attendance', 'send', id, randomUUID())).code).to.equal(1);
  });

  it('is looked at by doctor, which says what is wrong and how to go on', async () => {
    const { id, env, smartid } = await school({ 'students.csv': students('Ana') });
    const { out } = await smartid('doctor');
    for (const name of ['Node', 'service', 'clock', 'readiness', 'token', 'keys', id])
      expect(out).to.contain(name);
    const unknown = await run(['doctor', '--json'], { ...env, SMARTID_TOKEN: 'x'.repeat(40) });
    expect(unknown.code).to.equal(1);
    expect(JSON.parse(unknown.out).find(({ name }: { name: string }) => name === 'token')).to.include({
      status: 'failed',
    });
    const strange = await listenOn((request, response) => {
      const isVersion = request.url === '/version';
      response.writeHead(isVersion ? 200 : 403, { 'Content-Type': 'application/json' });
      response.end(
        JSON.stringify(isVersion ? { version: '9.9.9' } : { code: 'permission_denied', message: 'no' }),
      );
    });
    const { out: said, code } = await run(['doctor', '--json'], { ...env, SMARTID_SERVER: strange.url });
    await strange.close();
    expect(code).to.equal(1);
    const found = new Map(
      JSON.parse(said).map((check: { name: string; status: string }) => [check.name, check.status]),
    );
    expect(Object.fromEntries(found)).to.include({
      service: 'warning',
      readiness: 'failed',
      token: 'failed',
    });
    const nobody = await run(['doctor'], { ...env, SMARTID_SERVER: 'http://127.0.0.1:1' });
    expect(nobody.code).to.equal(5);
  });
});
