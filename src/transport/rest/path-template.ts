/** A piece of a path template: text that must stand there, or a variable that takes one segment. */
export type Segment = { literal: string } | { variable: readonly string[] };

const LITERAL = /^[A-Za-z0-9._~-]+$/;
const VARIABLE = /^\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)\}$/;

/**
 * Reads a path template of google.api.http: `/integrations/{id}/runs/{run_id}`. Variables take one segment
 * each; the wildcards and verbs of the full grammar are refused, for no path of ours needs them.
 */
export function parsePathTemplate(template: string): Segment[] {
  if (!template.startsWith('/')) throw new Error(`path template "${template}" must begin with /`);
  return template
    .slice(1)
    .split('/')
    .map((text): Segment => {
      const variable = VARIABLE.exec(text);
      if (variable) return { variable: (variable[1] as string).split('.') };
      if (LITERAL.test(text)) return { literal: text };
      throw new Error(`path template "${template}": "${text}" is neither a name nor a {field}`);
    });
}

/** The segments of a request path, decoded; undefined when the path is not well-formed. */
export function splitPath(pathname: string): string[] | undefined {
  try {
    return pathname.replace(/^\//, '').replace(/\/$/, '').split('/').map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** The values of the variables, in the order of the template; undefined when the path does not fit. */
export function matchPath(template: readonly Segment[], path: readonly string[]): string[] | undefined {
  if (template.length !== path.length) return undefined;
  const values: string[] = [];
  for (let i = 0; i < template.length; i++) {
    const segment = template[i] as Segment;
    const text = path[i] as string;
    if ('variable' in segment) {
      if (text === '') return undefined;
      values.push(text);
    } else if (segment.literal !== text) return undefined;
  }
  return values;
}
