import type { Migration } from './migration.js';

/**
 * Until when a receiver asked to be sent nothing; and whoever looks what is to be sent or published next, or was sent last, finds it, however many
 * there are.
 */
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
      {
        name: 'event_deliveries_by_position',
        on: 'event_deliveries (institution_id, position, subscription_id)',
      },
    ],
  },
  sql: `
SET LOCAL lock_timeout = '10s';
DROP INDEX events_unpublished;
ALTER TABLE event_subscriptions ADD COLUMN not_before timestamptz;
`,
};
