/**
 * Rows of the source that stay out of the plan are staged all the same: whoever they are about is not absent.
 */
export const keptOutRows = {
  name: '0007-kept-out-rows',
  sql: `
ALTER TABLE sync_staged DROP CONSTRAINT sync_staged_kind_check;
ALTER TABLE sync_staged ADD CONSTRAINT sync_staged_kind_check CHECK (kind IN ('ENTITY', 'MEMBERSHIP', 'KEPT_OUT'));
`,
};
