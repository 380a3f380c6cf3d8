import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is running. */
export interface Build {
  version: string;
  /** Of Git, where it is known. */
  commit: string | undefined;
  /** Version of Node. */
  node: string;
  /** Name of the last migration. */
  schema: string;
}

/**
 * What is running from the folder with package.json. The commit is the one given, or that of the checkout
 * that the folder is.
 */
export function readBuild(folder: string, given: { commit: string | undefined; schema: string }): Build {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const { schema, commit = commitOf(folder) } = given;
  return { version, commit, node: process.versions.node, schema };
}

function commitOf(folder: string): string | undefined {
  const read = (...path: string[]) => {
    try {
      return readFileSync(join(...path), 'utf8').trim();
    } catch {
      return undefined;
    }
  };
  const ofWorktree = /^gitdir: (.+)$/.exec(read(folder, '.git') ?? '')?.[1];
  const git = ofWorktree ?? join(folder, '.git');
  const head = read(git, 'HEAD');
  const ref = /^ref: (.+)$/.exec(head ?? '')?.[1];
  if (!ref) return isCommit(head);
  const shared = join(git, read(git, 'commondir') ?? '');
  const packed = read(shared, 'packed-refs')
    ?.split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  return isCommit(read(shared, ref)) ?? isCommit(packed?.split(' ', 1)[0]);
}

function isCommit(text: string | undefined): string | undefined {
  return text && /^[0-9a-f]{40,64}$/.test(text) ? text : undefined;
}
