import { statSync } from 'node:fs';

/**
 * The address of the service in a few files (scripts/bundle.mjs), which are loaded in half the time; undefined where they
 * are not made, or where something was compiled since. `built`: the folder of what was built.
 */
export function bundledStart(built = new URL('..', import.meta.url)): string | undefined {
  const bundle = new URL('bundle/start.js', built);
  const made = timeOf(bundle);
  // What the compiler notes is not in the package.
  const compiled = timeOf(new URL('.tsbuildinfo', built)) ?? 0;
  return made !== undefined && made > compiled ? bundle.href : undefined;
}

function timeOf(file: URL): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}
