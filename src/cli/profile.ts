import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UsageError } from './exit-codes.js';

export interface Profile {
  server?: string;
  token?: string;
}

export function profilePath(named?: string): string {
  return named ?? join(homedir(), '.config', 'smartid', 'profile.json');
}

/** The profile file: empty where there is none at the usual place. Throws `UsageError`. */
export async function readProfile(named?: string): Promise<Profile> {
  const path = profilePath(named);
  const found = await stat(path).catch(() => undefined);
  if (!found && named) throw new UsageError(`There is no profile file ${path}.`);
  if (!found) return {};
  if (found.mode & 0o077)
    throw new UsageError(`Others may read the profile file ${path}. Run: chmod 600 ${path}`);
  const profile = await readFile(path, 'utf8')
    .then(JSON.parse)
    .catch(() => undefined);
  const isText = (value: unknown) => value === undefined || typeof value === 'string';
  if (typeof profile !== 'object' || !profile || !isText(profile.server) || !isText(profile.token))
    throw new UsageError(`The profile file ${path} must hold JSON: {"server": "…", "token": "…"}.`);
  return profile;
}

/** Writes the profile file, readable by its owner alone from the first byte; returns its path. */
export async function writeProfile(profile: Profile, named?: string): Promise<string> {
  const path = profilePath(named);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, `${JSON.stringify(profile, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(temporary, path);
  return path;
}
