/** SQL that tells whether a change makes somebody inactive: by whatever action, an update, a link, a return or a deactivation. */
export const STOPS = `before->'active' = 'true' AND after->'active' = 'false'`;
