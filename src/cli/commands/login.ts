import { text } from 'node:stream/consumers';
import { EXIT, UsageError } from '../exit-codes.js';
import { remark } from '../output.js';
import { readProfile, writeProfile } from '../profile.js';
import { DEFAULT_SERVER, type GlobalOptions, sessionWith, setVariable } from '../session.js';

/** Writes the profile file, once the service has taken the token. */
export async function login(options: GlobalOptions & { tokenStdin?: boolean }): Promise<number> {
  const { server: named, profile: path } = options;
  const former = await readProfile(path).catch(() => ({}) as Awaited<ReturnType<typeof readProfile>>);
  const server = named ?? setVariable('SMARTID_SERVER') ?? former.server ?? DEFAULT_SERVER;
  const token = options.tokenStdin ? (await text(process.stdin)).trim() : await askForToken();
  if (!token) throw new UsageError('There is no token.');
  if (isOpenToOthers(server))
    remark('The token goes over http, which others on the way can read. Use https.');
  const { api } = sessionWith(server, token, false);
  await api.listIntegrations({ pageSize: 1 });
  const written = await writeProfile({ server, token }, path);
  remark(`The service takes the token. Kept in ${written}.`);
  return EXIT.done;
}

async function askForToken(): Promise<string> {
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError('Give the token by --token-stdin: nobody can be asked here.');
  const { password } = await import('@clack/prompts');
  const answer = await password({ message: 'Token', output: process.stderr });
  if (typeof answer !== 'string') throw new UsageError('Nothing was done.');
  return answer.trim();
}

function isOpenToOthers(server: string): boolean {
  if (!URL.canParse(server)) return false;
  const { protocol, hostname } = new URL(server);
  return protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
}
