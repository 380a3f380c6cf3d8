import { readFile } from 'node:fs/promises';
import {
  Delivery_Status,
  type Integration,
  SyncRun_Status as RunStatus,
} from '../../../clients/typescript/src/node.js';
import { EXIT } from '../exit-codes.js';
import { printJson, printLine } from '../output.js';
import { connect, type GlobalOptions, type Session } from '../session.js';

interface Check {
  name: string;
  status: 'ok' | 'warning' | 'failed';
  message: string;
}

const PACKAGE = new URL('../../../../package.json', import.meta.url);
/** Milliseconds that one question may take. */
const PATIENCE = 15_000;
/** Schools that are tried at once, and milliseconds that one may take. */
const AT_ONCE = 4;
const SCHOOL_PATIENCE = 60_000;
/** Seconds that clocks may differ: signatures of webhooks are refused after 300. */
const CLOCK = 30;

/** Looks whether all is well; 1 where something failed, 5 where no service answers. */
export async function doctor(options: GlobalOptions & { schools: boolean }): Promise<number> {
  const session = await connect(options);
  const checks: Check[] = [];
  const add = (...found: Check[]) => {
    checks.push(...found);
    if (!session.json)
      for (const { name, status, message } of found) printLine(`${status.padEnd(7)}  ${name}: ${message}`);
  };
  add(nodeVersion());
  const reached = await serviceAnswers(session);
  add(...reached.checks);
  if (reached.answers) {
    add(await ready(session));
    const token = await tokenIsTaken(session);
    add(token);
    if (token.status === 'ok') {
      add(await keys(session));
      add(...(await plans(session)));
      if (options.schools) await tryAll(session, add);
    }
  }
  if (session.json) printJson(checks);
  if (!reached.answers) return EXIT.unreachable;
  return checks.some(({ status }) => status === 'failed') ? EXIT.failed : EXIT.done;
}

const ok = (name: string, message: string): Check => ({ name, status: 'ok', message });
const warning = (name: string, message: string): Check => ({ name, status: 'warning', message });
const failed = (name: string, message: string): Check => ({ name, status: 'failed', message });

function nodeVersion(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isEnough = major > 20 || (major === 20 && minor >= 19);
  return (isEnough ? ok : failed)(
    'Node',
    `${process.versions.node}${isEnough ? '' : '; 20.19 or later is needed'}`,
  );
}

function ask({ baseUrl, token }: Session, path: string): Promise<Response> {
  return fetch(`${baseUrl}${path}`, {
    signal: AbortSignal.timeout(PATIENCE),
    redirect: 'error',
    headers: token ? { Authorization: `Bearer ${token}` } : {},
  });
}

async function serviceAnswers(session: Session): Promise<{ answers: boolean; checks: Check[] }> {
  try {
    const answer = await ask(session, '/version');
    const body = (await answer.json().catch(() => ({}))) as { version?: string };
    if (!answer.ok && answer.status !== 401)
      return {
        answers: false,
        checks: [failed('service', `${session.baseUrl} answers ${answer.status}: is it this service?`)],
      };
    return { answers: true, checks: [await sameVersion(session, body.version), ...sameClock(answer)] };
  } catch (error) {
    const cause = (error as { cause?: Error }).cause?.message ?? (error as Error).message;
    return {
      answers: false,
      checks: [
        failed('service', `${session.baseUrl} does not answer: ${cause}. Check --server or SMARTID_SERVER.`),
      ],
    };
  }
}

async function sameVersion({ baseUrl }: Session, theirs = 'unknown'): Promise<Check> {
  const { version: ours } = JSON.parse(await readFile(PACKAGE, 'utf8')) as { version: string };
  if (theirs === ours) return ok('service', `${baseUrl}, version ${theirs}`);
  return warning(
    'service',
    `${baseUrl} has version ${theirs}, this command ${ours}: take those that belong together`,
  );
}

function sameClock(answer: Response): Check[] {
  const apart = (Date.parse(answer.headers.get('date') ?? '') - Date.now()) / 1_000;
  if (Number.isNaN(apart)) return [];
  if (Math.abs(apart) <= CLOCK) return [ok('clock', 'as that of the service')];
  const how = `${Math.round(Math.abs(apart))} s ${apart > 0 ? 'behind' : 'ahead of'} that of the service`;
  return [warning('clock', how)];
}

async function ready(session: Session): Promise<Check> {
  const answer = await ask(session, '/readyz').catch((error: Error) => error);
  if (answer instanceof Error) return failed('readiness', answer.message);
  const text = await answer.text();
  return (answer.ok ? ok : failed)('readiness', answer.ok ? 'it can do its work' : text.slice(0, 500));
}

async function tokenIsTaken({ api, token }: Session): Promise<Check> {
  if (!token) return failed('token', 'there is none: smartid login, or SMARTID_TOKEN');
  return api.listIntegrations({ pageSize: 1 }, { timeoutMs: PATIENCE }).then(
    () => ok('token', 'it is taken'),
    (error) => failed('token', sentenceOf(error)),
  );
}

async function keys({ api }: Session): Promise<Check> {
  const answer = await api.listKeys({}, { timeoutMs: PATIENCE }).catch((error: Error) => error);
  if (answer instanceof Error) return failed('keys', sentenceOf(answer));
  const { keys: all } = answer;
  const used = all.filter(
    ({ integrationCount, subscriptionCount, webhookSecretCount }) =>
      integrationCount + subscriptionCount + webhookSecretCount > 0,
  );
  const gone = used.filter(({ configured }) => !configured);
  const old = used.filter(({ seals, configured }) => configured && !seals);
  if (gone.length > 0)
    return failed(
      'keys',
      `${gone.map(({ id }) => id).join(', ')} seals credentials or secrets and is not configured: set it again in CREDENTIAL_KEYS`,
    );
  if (old.length > 0) return warning('keys', 'former keys are still in use: smartid keys rotate');
  return ok('keys', 'all credentials are sealed with the first one');
}

/** Of the plans that wait for a person; a run of everything is one, whatever its parts. */
async function plans({ api }: Session): Promise<Check[]> {
  let held = 0;
  try {
    for await (const { parentId } of api.each.listSyncRuns({ status: RunStatus.HELD, pageSize: 1_000 }))
      if (!parentId) held += 1;
  } catch (error) {
    return [failed('plans', sentenceOf(error as Error))];
  }
  if (held === 0) return [];
  const which = held === 1 ? '1 waits' : `${held} wait`;
  return [warning('plans', `${which} for a decision: smartid runs list --status HELD`)];
}

/** Tries the connection of each school, some at once. */
async function tryAll({ api }: Session, add: (...checks: Check[]) => void): Promise<void> {
  const waiting: Promise<Check[]>[] = [];
  const trySchool = async (integration: Integration) => [
    await tryConnection(api, integration),
    ...(await marksOf(api, integration)),
  ];
  try {
    for await (const integration of api.each.listIntegrations({ pageSize: 1_000 })) {
      waiting.push(trySchool(integration));
      if (waiting.length >= AT_ONCE) add(...((await waiting.shift()) ?? []));
    }
  } catch (error) {
    add(failed('schools', `they cannot be listed: ${sentenceOf(error as Error)}`));
  }
  for (const checks of waiting) add(...(await checks));
}

const sentenceOf = (error: Error & { rawMessage?: string }) => error.rawMessage ?? error.message;

/** Whether there are marks that did not arrive, with the reason of one. */
async function marksOf(api: Session['api'], { id, provider }: Integration): Promise<Check[]> {
  const name = `${provider} ${id}`;
  const question = { id, status: Delivery_Status.FAILED, pageSize: 1 };
  return api.listDeliveries(question, { timeoutMs: PATIENCE }).then(
    ({ deliveries: [one] }) =>
      one
        ? [
            warning(
              name,
              `marks did not arrive (${one.lastReason}): smartid attendance deliveries ${id} --status FAILED`,
            ),
          ]
        : [],
    (error) => [failed(name, sentenceOf(error))],
  );
}

async function tryConnection(
  api: Session['api'],
  { id, provider, status, lastError }: Integration,
): Promise<Check> {
  const name = `${provider} ${id}`;
  if (status !== 1 && lastError) return warning(name, lastError);
  return api.testConnection({ id }, { timeoutMs: SCHOOL_PATIENCE }).then(
    ({ success, message }) => (success ? ok : failed)(name, message),
    (error) => failed(name, sentenceOf(error)),
  );
}
