/** A decoded PHP parameter: text, or an array of them. */
export type PhpValue = string | PhpValue[] | { [key: string]: PhpValue };

type Branch = Map<string, string | Branch>;

/**
 * Decodes form text the way PHP does: `a[0][name]=x` nests, `a[]=x` appends, a later value replaces an
 * earlier one.
 */
export function decodeForm(...texts: string[]): Record<string, PhpValue> {
  const root: Branch = new Map();
  for (const text of texts) {
    for (const [key, value] of new URLSearchParams(text)) {
      place(root, pathOf(key), value);
    }
  }
  return Object.fromEntries([...root].map(([key, value]) => [key, settle(value)]));
}

function pathOf(key: string): string[] {
  const head = /^[^[]+/.exec(key)?.[0];
  if (head === undefined) {
    return [key];
  }
  // What follows the last closed bracket is dropped, as PHP drops it.
  const rest = /^(?:\[[^\]]*\])*/.exec(key.slice(head.length))?.[0] ?? '';
  return [head, ...Array.from(rest.matchAll(/\[([^\]]*)\]/g), (match) => match[1] ?? '')];
}

function place(root: Branch, path: string[], value: string): void {
  let branch = root;
  path.forEach((part, depth) => {
    const key = part === '' ? String(branch.size) : part;
    if (depth === path.length - 1) {
      branch.set(key, value);
      return;
    }
    const next = branch.get(key);
    const deeper = next instanceof Map ? next : new Map();
    branch.set(key, deeper);
    branch = deeper;
  });
}

function settle(value: string | Branch): PhpValue {
  if (typeof value === 'string') {
    return value;
  }
  const entries = [...value].map(([key, child]): [string, PhpValue] => [key, settle(child)]);
  // PHP has one kind of array; keys 0, 1, 2… make it a list here.
  return entries.every(([key], index) => key === String(index))
    ? entries.map(([, child]) => child)
    : Object.fromEntries(entries);
}
