/** SQL that tells whether a change makes somebody inactive: by whatever action, an update, a link, a return or a deactivation. */
export const STOPS = `before->'active' = 'true' AND after->'active' = 'false'`;

/**
 * SQL that tells whether somebody goes by a change. Who was missing or inactive before went then; but whom another
 * integration had after the grace, so many readings, goes only now.
 */
export const leaves = (graceRuns: string) => `(
  missing_before = 0 AND missing_after > 0 AND before->'active' IS DISTINCT FROM 'false'
  OR ${STOPS} AND (COALESCE(missing_after, 0) = 0 OR missing_before > ${graceRuns}))`;

/** SQL that tells whether somebody comes back by a change. */
export const RETURNS = `(action = 'RESTORE' AND (before->'active' = 'true' OR after->'active' = 'true')
  OR action <> 'RESTORE' AND before->'active' = 'false' AND after->'active' = 'true')`;
