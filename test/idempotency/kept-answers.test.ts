import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { ServiceError } from '../../src/errors.js';
import { type Begun, KeptAnswers } from '../../src/idempotency/index.js';
import { KeyStore } from '../../src/idempotency/key-store.js';
import { createLogger } from '../../src/observability/index.js';
import { CredentialVault } from '../../src/security/index.js';
import { sharedServices } from '../support/services.js';

const vault = new CredentialVault([{ id: 'k1', key: Buffer.alloc(32, 1) }]);
const other = new CredentialVault([{ id: 'k2', key: Buffer.alloc(32, 2) }]);

/** The kept answers of a process of its own. */
async function aProcess(sealer = vault): Promise<KeptAnswers> {
  const { database } = await sharedServices();
  return new KeptAnswers({ database, sealer, logger: createLogger({ level: 'silent' }) });
}

const aCall = (changed: object = {}) => ({
  actor: 'maria',
  method: 'Create',
  key: randomUUID(),
  request: 'a',
  ...changed,
});

type First = Exclude<Begun, { answer: Record<string, string> }>;
const first = async (begun: Promise<Begun>) => {
  const it = await begun;
  expect(it.answer).to.equal(undefined);
  return it as First;
};
const refused = (begun: Promise<Begun>) =>
  begun.then(
    () => 'answered',
    ({ code, reason }: ServiceError) => `${code} ${reason}`,
  );

/** Makes all calls of an actor older, or silent for as long. */
async function age(actor: string, column: 'created_at' | 'running_until', interval: string) {
  const { database } = await sharedServices();
  await database.execute(
    `UPDATE idempotency_keys SET ${column} = ${column} - $2::interval WHERE actor = $1`,
    [actor, interval],
  );
}

describe('kept answers', () => {
  it('answer a repeated call of the same caller and method as the first one, and no other', async () => {
    const answers = await aProcess();
    const call = aCall();
    await (await first(answers.begin(call))).keep(() => ({ message: 'one' }));
    const elsewhere = await aProcess();
    expect(await elsewhere.begin(call)).to.deep.equal({ answer: { message: 'one' } });
    expect(await refused(elsewhere.begin({ ...call, request: 'b' }))).to.equal(
      'invalid_argument IDEMPOTENCY_KEY_REUSED',
    );
    for (const changed of [{ actor: 'juan' }, { method: 'Delete' }, { key: `${call.key}x` }])
      await (await first(elsewhere.begin({ ...call, ...changed }))).fail(new Error('enough'), undefined);
  });

  it('keep nothing that can be read in the database', async () => {
    const { database } = await sharedServices();
    const call = aCall({ request: 'what was asked', actor: randomUUID() });
    await (await first((await aProcess()).begin(call))).keep(() => ({ message: 'whsec_shown-once' }));
    const rows = await database.query('SELECT * FROM idempotency_keys WHERE actor = $1', [call.actor]);
    expect(rows).to.have.length(1);
    const text = JSON.stringify(rows);
    for (const secret of ['whsec_shown-once', 'what was asked', call.key]) {
      expect(text).not.to.contain(secret);
      expect(text).not.to.contain(Buffer.from(secret).toString('base64url'));
    }
  });

  it('let one of many at once carry the call out; the others are asked to come again', async () => {
    const processes = await Promise.all(Array.from({ length: 4 }, () => aProcess()));
    const call = aCall();
    const begun = await Promise.all(processes.map((answers) => answers.begin(call).catch((error) => error)));
    const carriers = begun.filter((one) => !(one instanceof ServiceError));
    expect(carriers).to.have.length(1);
    for (const one of begun.filter((each) => each instanceof ServiceError)) {
      expect(one).to.include({ code: 'aborted', reason: 'IDEMPOTENCY_KEY_IN_USE' });
      expect(one.metadata).to.deep.equal({ retryAfterSeconds: '1' });
    }
    expect(await refused((await aProcess()).begin({ ...call, request: 'b' }))).to.contain('REUSED');
    await carriers[0].keep(() => ({ message: 'one' }));
    expect(await (await aProcess()).begin(call)).to.deep.equal({ answer: { message: 'one' } });
  });

  it('keep what was refused, and give the key back for what passes', async () => {
    const answers = await aProcess();
    const call = aCall();
    await (await first(answers.begin(call))).fail(new Error('passes'), undefined);
    await (await first(answers.begin(call))).fail(new Error('stays'), () => ({ error: 'no' }));
    expect(await answers.begin(call)).to.deep.equal({ answer: { error: 'no' } });
  });

  it('never have a call carried out again whose process died before it told how it ended', async () => {
    const call = aCall({ actor: randomUUID() });
    await first((await aProcess()).begin(call));
    const successor = await aProcess();
    expect(await refused(successor.begin(call))).to.equal('aborted IDEMPOTENCY_KEY_IN_USE');
    await age(call.actor, 'running_until', '61 seconds');
    expect(await refused(successor.begin(call))).to.equal('failed_precondition IDEMPOTENCY_OUTCOME_UNKNOWN');
    await age(call.actor, 'created_at', '25 hours');
    await (await first(successor.begin(call))).keep(() => ({ message: 'anew' }));
  });

  it('take a call for one that goes on as long as its process is there, however late that says so', async () => {
    const answers = await aProcess();
    const call = aCall({ actor: randomUUID() });
    const running = await first(answers.begin(call));
    await age(call.actor, 'running_until', '1 hour');
    expect(await refused(answers.begin(call))).to.equal('aborted IDEMPOTENCY_KEY_IN_USE');
    await running.keep(() => ({ message: 'one' }));
    expect(await answers.begin(call)).to.deep.equal({ answer: { message: 'one' } });
  });

  it('are waited for by other processes as long as theirs says that it is alive', async () => {
    const { database } = await sharedServices();
    const actor = randomUUID();
    const store = new KeyStore(database);
    const digests = [randomUUID(), randomUUID()].map((text) => Buffer.from(text));
    for (const digest of digests)
      await store.take({ digest, id: randomUUID(), actor, method: 'Create', sealed: '' });
    await age(actor, 'running_until', '1 hour');
    await store.beat(digests.slice(0, 1));
    const states = digests.map(async (digest) => (await store.find(digest))?.state);
    expect(await Promise.all(states)).to.deep.equal(['running', 'lost']);
  });

  it('do not know what came of a call under which the database went away, or whose answer cannot be written', async () => {
    const answers = await aProcess();
    const away = new ServiceError('unavailable', 'The database cannot be reached.', {
      reason: 'DATABASE_UNAVAILABLE',
    });
    const call = aCall();
    await (await first(answers.begin(call))).fail(away, undefined);
    expect(await refused(answers.begin(call))).to.contain('IDEMPOTENCY_OUTCOME_UNKNOWN');
    const odd = aCall({ actor: randomUUID() });
    await (await first(answers.begin(odd))).keep(() => {
      throw new Error('no message');
    });
    await age(odd.actor, 'running_until', '61 seconds');
    expect(await refused(answers.begin(odd))).to.contain('IDEMPOTENCY_OUTCOME_UNKNOWN');
  });

  it('say so where their key of CREDENTIAL_KEYS is gone', async () => {
    const call = aCall();
    await (await first((await aProcess()).begin(call))).keep(() => ({ message: 'one' }));
    expect(await refused((await aProcess(other)).begin(call))).to.contain('IDEMPOTENCY_OUTCOME_UNKNOWN');
  });

  it('count for a day, and are then deleted by the retention', async () => {
    const { database, retention } = await sharedServices();
    const actor = randomUUID();
    const answers = await aProcess();
    const [old, young] = [aCall({ actor }), aCall({ actor })];
    await (await first(answers.begin(old))).keep(() => ({ message: 'old' }));
    await age(actor, 'created_at', '23 hours');
    expect(await answers.begin(old)).to.deep.equal({ answer: { message: 'old' } });
    await age(actor, 'created_at', '2 hours');
    const again = await first(answers.begin(old));
    await again.keep(() => ({ message: 'new' }));
    await age(actor, 'created_at', '25 hours');
    await (await first(answers.begin(young))).keep(() => ({ message: 'young' }));
    expect((await retention.sweep()).answers).to.be.at.least(1);
    const left = await database.query('SELECT 1 FROM idempotency_keys WHERE actor = $1', [actor]);
    expect(left).to.have.length(1);
    expect(await answers.begin(young)).to.deep.equal({ answer: { message: 'young' } });
  });
});
