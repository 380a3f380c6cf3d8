/**
 * Backends put people, courses and groups in and edit them: which fields they edited, and what they did, for
 * the feed.
 */
export const rosterEdits = {
  name: '0003-roster-edits',
  sql: `
ALTER TABLE students ADD COLUMN edited text[] NOT NULL DEFAULT '{}';
ALTER TABLE teachers ADD COLUMN edited text[] NOT NULL DEFAULT '{}';
ALTER TABLE courses ADD COLUMN edited text[] NOT NULL DEFAULT '{}';
ALTER TABLE groups ADD COLUMN edited text[] NOT NULL DEFAULT '{}';

-- Positions are drawn from the sequence of the runs, under the same lock: the feed is one, in the order of commits.
CREATE TABLE roster_edits (
  institution_id uuid NOT NULL,
  position bigint NOT NULL,
  entity text NOT NULL CHECK (entity IN ('COURSE', 'GROUP', 'STUDENT', 'TEACHER', 'MEMBERSHIP')),
  action text NOT NULL CHECK (action IN ('CREATE', 'UPDATE', 'DELETE')),
  entity_id uuid NOT NULL,
  before jsonb,
  after jsonb,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (institution_id, position)
);
`,
};
