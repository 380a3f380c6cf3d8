/**
 * Events: what happened, written by the transaction in which it happened; who wants to hear of it; and what
 * became of telling them. A stream is an integration, or an institution for what none of its integrations did.
 */
export const events = {
  name: '0021-events',
  sql: `
CREATE SEQUENCE events_position;
CREATE TABLE events (
  institution_id uuid NOT NULL,
  stream_id uuid NOT NULL,
  position bigint NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL,
  subject text,
  data jsonb NOT NULL,
  occurred_at timestamptz NOT NULL,
  -- Whether NATS has it, where one is told.
  published boolean NOT NULL DEFAULT false,
  PRIMARY KEY (institution_id, stream_id, position)
);
CREATE INDEX events_unpublished ON events (institution_id, stream_id, position) WHERE NOT published;
CREATE UNIQUE INDEX events_by_id ON events (institution_id, id);
CREATE INDEX events_by_time ON events (institution_id, occurred_at, id);

CREATE TABLE event_subscriptions (
  institution_id uuid NOT NULL,
  id uuid NOT NULL,
  url text NOT NULL,
  -- Empty: all.
  types text[] NOT NULL,
  description text NOT NULL,
  -- Sealed: the secret and the one before, which signs as well until a time.
  secrets text NOT NULL,
  old_secret_until timestamptz,
  disabled_at timestamptz,
  disabled_reason text,
  -- Attempts that failed since the last one that did not.
  failures integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (institution_id, id)
);

CREATE TABLE event_deliveries (
  institution_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  stream_id uuid NOT NULL,
  position bigint NOT NULL,
  event_id uuid NOT NULL,
  -- WAITING, DELIVERED, DEAD.
  status text NOT NULL DEFAULT 'WAITING',
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  http_status integer,
  last_reason text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (institution_id, subscription_id, stream_id, position)
);
CREATE INDEX event_deliveries_waiting ON event_deliveries (institution_id, subscription_id, stream_id, position)
  WHERE status = 'WAITING';
CREATE INDEX event_deliveries_by_event ON event_deliveries (institution_id, event_id);

-- What a subscription is told of one stream, one event after the other: when the next is due, and who sends it.
CREATE TABLE event_lanes (
  institution_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  stream_id uuid NOT NULL,
  due_at timestamptz,
  claim uuid,
  claimed_until timestamptz,
  PRIMARY KEY (institution_id, subscription_id, stream_id)
);
CREATE INDEX event_lanes_due ON event_lanes (institution_id, due_at) WHERE due_at IS NOT NULL;
`,
};
