import { expect } from 'chai';
import { OAuth2Client, type OAuth2ClientOptions } from '../../../src/connectors/http/index.js';
import { ConnectorError } from '../../../src/connectors/index.js';
import { answer, closeAll, polite, type Reply, redirect, rejectionOf, serve, stall } from './kit.js';

const SECRET = 'hush-hush/secret+1';
const TOKEN_PATH = '/oauth/token/';
const bearerOf = (headers: { authorization?: string | undefined }) => headers.authorization ?? '';

/** An API with its token endpoint, which numbers its tokens. Both may be given other replies. */
async function api(
  given: { token?: (n: number) => Reply; reply?: Reply; options?: Partial<OAuth2ClientOptions> } = {},
) {
  let tokens = 0;
  const refused = new Set<string>();
  const school = await serve((response, call) => {
    if (call.url === TOKEN_PATH) {
      tokens += 1;
      const fallback = answer({ access_token: `token-${tokens}`, token_type: 'bearer', expires_in: 3600 });
      return (given.token?.(tokens) ?? fallback)(response, call);
    }
    if (refused.has(bearerOf(call.headers))) return answer({}, 401)(response, call);
    return (given.reply ?? answer({ ok: true }))(response, call);
  });
  const { client, outbound, lines } = polite(school.url, { system: 'OneRoster', retries: 0 });
  let time = 0;
  const oauth = new OAuth2Client({
    http: (options) => polite('', { outbound, retries: 0, ...options }).client,
    api: client,
    system: 'OneRoster',
    tokenUrl: school.url + TOKEN_PATH,
    clientId: 'school',
    clientSecret: SECRET,
    timeoutMs: 5_000,
    now: () => time,
    ...given.options,
  });
  return {
    oauth,
    lines,
    refused,
    pass: (seconds: number) => {
      time += seconds * 1_000;
    },
    get: () => oauth.send({ path: '/things' }),
    tokenCalls: () => school.arrived.filter(({ url }) => url === TOKEN_PATH),
    bearers: () =>
      school.arrived.filter(({ url }) => url !== TOKEN_PATH).map(({ headers }) => bearerOf(headers)),
  };
}

describe('OAuth2 client credentials', () => {
  afterEach(closeAll);

  it('asks for a token by POST, with id and secret in the Basic header and scope in the form', async () => {
    const { get, tokenCalls, bearers } = await api({ options: { scope: 'a.readonly b' } });
    await get();
    const [call] = tokenCalls();
    expect(call).to.deep.include({
      method: 'POST',
      body: 'grant_type=client_credentials&scope=a.readonly+b',
    });
    const encoded = (call?.headers.authorization ?? '').replace('Basic ', '');
    expect(Buffer.from(encoded, 'base64').toString()).to.equal('school:hush-hush%2Fsecret%2B1');
    expect(bearers()).to.deep.equal(['Bearer token-1']);
  });

  it('puts id and secret into the form where the server wants that, and more fields too', async () => {
    const { get, tokenCalls } = await api({
      options: { authentication: 'body', parameters: { audience: 'roster' } },
    });
    await get();
    expect(Object.fromEntries(new URLSearchParams(tokenCalls()[0]?.body))).to.deep.equal({
      grant_type: 'client_credentials',
      audience: 'roster',
      client_id: 'school',
      client_secret: SECRET,
    });
    expect(tokenCalls()[0]?.headers.authorization).to.equal(undefined);
  });

  it('asks once more with the Basic header unencoded, as many servers want it, and then only so', async () => {
    const { get, pass, tokenCalls } = await api({
      token: (n) =>
        n === 1 ? answer({ error: 'invalid_client' }, 400) : answer({ access_token: 't', expires_in: 9 }),
    });
    await get();
    pass(10);
    await get();
    const sent = tokenCalls().map(({ headers }) =>
      Buffer.from((headers.authorization ?? '').replace('Basic ', ''), 'base64').toString(),
    );
    expect(sent).to.deep.equal(['school:hush-hush%2Fsecret%2B1', `school:${SECRET}`, `school:${SECRET}`]);
  });

  it('asks but once with a secret that is the same either way', async () => {
    const { get, tokenCalls } = await api({
      token: () => answer({ error: 'invalid_client' }, 401),
      options: { clientSecret: 'plain-secret' },
    });
    await rejectionOf(get());
    expect(tokenCalls()).to.have.length(1);
  });

  it('uses one token until a minute before it expires', async () => {
    const { get, pass, bearers } = await api();
    await get();
    pass(3_539);
    await get();
    pass(1);
    await get();
    expect(bearers()).to.deep.equal(['Bearer token-1', 'Bearer token-1', 'Bearer token-2']);
  });

  it('uses a token that lives for less than two minutes for half its life', async () => {
    const { get, pass, tokenCalls } = await api({
      token: (n) => answer({ access_token: `token-${n}`, expires_in: '30' }),
    });
    await get();
    pass(14);
    await get();
    expect(tokenCalls()).to.have.length(1);
    pass(1);
    await get();
    expect(tokenCalls()).to.have.length(2);
  });

  it('keeps a token of which the server does not say how long it lives', async () => {
    const { get, pass, tokenCalls } = await api({ token: () => answer({ access_token: 'token' }) });
    await get();
    pass(1_000_000);
    await get();
    expect(tokenCalls()).to.have.length(1);
  });

  it('fetches one token for many calls at once', async () => {
    const { get, tokenCalls, bearers } = await api();
    await Promise.all(Array.from({ length: 8 }, get));
    expect(tokenCalls()).to.have.length(1);
    expect(bearers()).to.have.length(8);
  });

  it('fetches one token more when many calls at once are answered 401, and repeats each once', async () => {
    const { get, refused, tokenCalls, bearers } = await api();
    await get();
    refused.add('Bearer token-1');
    await Promise.all(Array.from({ length: 4 }, get));
    expect(tokenCalls()).to.have.length(2);
    expect(bearers().filter((bearer) => bearer === 'Bearer token-2')).to.have.length(4);
  });

  it('gives up when the new token is answered 401 too', async () => {
    const { get, bearers } = await api({ reply: answer({}, 401) });
    const error = (await rejectionOf(get())) as Error;
    expect(error).to.be.instanceOf(ConnectorError);
    expect(error.message).to.contain('gave a token and refuses it (401)');
    expect(bearers()).to.have.length(2);
  });

  it('asks again after a token could not be fetched', async () => {
    const { get, bearers } = await api({
      token: (n) => (n === 1 ? answer({}, 503) : answer({ access_token: 'second', expires_in: 60 })),
    });
    await rejectionOf(get());
    await get();
    expect(bearers()).to.deep.equal(['Bearer second']);
  });

  const refusals: [name: string, reply: Reply, words: string][] = [
    ['an unknown client', answer({ error: 'invalid_client' }, 401), 'Check credentials.clientId'],
    ['a client without the scope', answer({ error: 'invalid_scope' }, 400), 'correct config.scope'],
    ['a grant that is not allowed', answer({ error: 'unauthorized_client' }, 400), 'Allow that grant'],
    ['a refusal without a reason', answer({}, 403), 'Check credentials.clientId'],
    ['an address that gives no tokens', answer({ hello: 1 }), 'Is config.tokenUrl right?'],
    ['an address that is not there', answer({}, 404), 'Is config.tokenUrl right?'],
    ['a token that is no bearer token', answer({ access_token: 'x', token_type: 'mac' }), 'type "mac"'],
    ['an endpoint that moved', redirect('http://elsewhere.example/token'), 'which only a GET may follow'],
  ];
  for (const [name, reply, words] of refusals) {
    it(`says what to do about ${name}`, async () => {
      const { get, bearers } = await api({ token: () => reply });
      const error = (await rejectionOf(get())) as Error;
      expect(error).to.be.instanceOf(ConnectorError);
      expect(error.message).to.contain(words);
      expect(bearers()).to.deep.equal([]);
    });
  }

  it('does not wait for an endpoint that stalls for longer than a call may take', async () => {
    const { get } = await api({ token: () => stall, options: { timeoutMs: 50 } });
    expect(((await rejectionOf(get())) as Error).message).to.contain('did not answer the token');
  });

  it('strikes secret and tokens, those of before too, out of any text, however they are written', async () => {
    const { oauth, get, pass } = await api({
      token: (n) => answer({ access_token: `the/token+number ${n}`, expires_in: 60 }),
    });
    await get();
    pass(60);
    await get();
    for (const value of ['the/token+number 1', 'the/token+number 2', SECRET]) {
      const bytes = Buffer.from(value);
      for (const form of [
        value,
        encodeURIComponent(value),
        bytes.toString('hex'),
        bytes.toString('base64').replace(/=+$/, ''),
      ])
        expect(oauth.strike(`said: ${form}.`)).to.equal('said: ***.');
    }
  });

  it('tells neither secret nor token, whatever a server repeats of them, in no error and no log', async () => {
    const basic = Buffer.from('school:hush-hush%2Fsecret%2B1').toString('base64');
    const echo = `${SECRET} ${encodeURIComponent(SECRET)} ${basic} token-1`;
    const refusal = await api({
      token: () => answer({ error: 'invalid_request', error_description: echo }, 400),
    });
    const failure = await api({ reply: answer({ words: echo }, 403) });
    for (const { get, lines } of [refusal, failure]) {
      const error = (await rejectionOf(get())) as Error & { answer?: { text: string } };
      const told = [error.message, error.answer?.text ?? '', ...lines].join('\n');
      for (const secret of [SECRET, encodeURIComponent(SECRET), basic]) expect(told).not.to.contain(secret);
    }
    const error = (await rejectionOf(failure.get())) as Error & { answer: { text: string } };
    expect(error.answer.text).not.to.contain('token-1');
    const astray = await api({ reply: redirect('ftp://elsewhere/token-1') });
    const sent = (await rejectionOf(astray.get())) as Error & { location: string };
    expect(`${sent.message} ${sent.location}`).to.contain('ftp://elsewhere').and.not.contain('token-1');
  });
});

describe('headers of one call', () => {
  afterEach(closeAll);

  it('go with that call alone, over those of the client, and to no other origin', async () => {
    const elsewhere = await serve(answer());
    const school = await serve(redirect(`${elsewhere.url}/landed`), answer());
    const { client } = polite(school.url, { headers: { 'X-Key': 'client', 'X-Other': 'kept' } });
    await client.send({ path: '/a', headers: { 'X-Key': 'call' } });
    await client.send({ path: '/b' });
    expect(school.arrived.map(({ headers }) => [headers['x-key'], headers['x-other']])).to.deep.equal([
      ['call', 'kept'],
      ['client', 'kept'],
    ]);
    expect(elsewhere.arrived[0]?.headers).not.to.have.any.keys('x-key', 'x-other');
  });

  it('that HTTP cannot carry are refused without being shown', async () => {
    const { client } = polite('http://127.0.0.1:1');
    const error = (await rejectionOf(client.send({ path: '/', headers: { 'X-Key': 'a\nb' } }))) as Error;
    expect(error.message).to.contain('X-Key').and.not.contain('a\nb');
  });
});
