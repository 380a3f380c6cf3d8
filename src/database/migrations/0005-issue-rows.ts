/**
 * The rows of errors as the files have them, and how the files are written: so that failed rows can be given
 * back.
 */
export const issueRows = {
  name: '0005-issue-rows',
  sql: `
-- A list of texts; ␀0 stands for a NUL character, which PostgreSQL does not store, and ␀␀ for ␀.
ALTER TABLE sync_issues ADD COLUMN cells jsonb;
-- Of files with errors: {file: {header, delimiter, encoding, bom, entities, idColumn}}.
ALTER TABLE sync_runs ADD COLUMN tables jsonb NOT NULL DEFAULT '{}';
`,
};
