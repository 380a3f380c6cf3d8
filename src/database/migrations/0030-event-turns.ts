import type { Migration } from './migration.js';

/** Whoever looks what is to be sent or published next finds it, however much waits. */
export const eventTurns: Migration = {
  name: '0030-event-turns',
  ahead: {
    columns: [],
    indexes: [
      { name: 'events_to_publish', on: 'events (position) WHERE NOT published' },
      {
        name: 'event_lanes_claimed',
        on: 'event_lanes (institution_id, subscription_id) WHERE claim IS NOT NULL',
      },
    ],
  },
  sql: `
SET LOCAL lock_timeout = '10s';
DROP INDEX events_unpublished;
`,
};
