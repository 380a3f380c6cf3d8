/** The first table that a statement names, and what it does to it. */
const TABLE = /\b(?:from|into|update|table|call|copy|analyze|join)\s+(?:only\s+)?"?([a-z_][a-z0-9_]*)/i;
/** Statements with values in them can be long; their beginning tells. */
const MOST = 2_000;

/** `SELECT sync_runs`, `BEGIN`: what a statement does and to what, without any value of it. */
export function statementName(text: string): string {
  const beginning = text.slice(0, MOST).replace(/'(?:[^']|'')*'?/g, "''");
  const verb = (/^[\s(]*([a-z]+)/i.exec(beginning)?.[1] ?? 'SQL').toUpperCase();
  const table = TABLE.exec(beginning)?.[1]?.toLowerCase();
  return table ? `${verb} ${table}` : verb;
}
