import { spawnSync } from 'node:child_process';

/**
 * The other side of the comparison: psql's \copy and one merge by join. It checks nothing and logs nothing.
 */
const SCHEMA = `
DROP TABLE IF EXISTS plain_staged, plain_students, plain_mappings;
CREATE UNLOGGED TABLE plain_staged (external_id text, rut text, given_name text, family_name text, email text, code text, enrolled_on date);
CREATE TABLE plain_students (institution_id uuid, id uuid, national_id text, given_name text, family_name text, email text, code text,
  enrolled_on date, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), PRIMARY KEY (institution_id, id));
CREATE TABLE plain_mappings (integration_id uuid, entity_type text, internal_id uuid, external_id text COLLATE "C",
  UNIQUE (integration_id, entity_type, internal_id), UNIQUE (integration_id, entity_type, external_id));
`;

const TENANT = `'00000000-0000-4000-8000-000000000001'::uuid`;

const MERGE = `
BEGIN;
CREATE TEMP TABLE fresh ON COMMIT DROP AS
  SELECT s.*, gen_random_uuid() AS id FROM plain_staged s
  LEFT JOIN plain_mappings m ON m.integration_id = ${TENANT} AND m.entity_type = 'STUDENT' AND m.external_id = s.external_id
  WHERE m.internal_id IS NULL;
INSERT INTO plain_students (institution_id, id, national_id, given_name, family_name, email, code, enrolled_on)
  SELECT ${TENANT}, id, nullif(rut, ''), given_name, family_name, email, code, enrolled_on FROM fresh;
INSERT INTO plain_mappings SELECT ${TENANT}, 'STUDENT', id, external_id FROM fresh;
UPDATE plain_students t SET given_name = s.given_name, family_name = s.family_name, email = s.email, code = s.code,
    enrolled_on = s.enrolled_on, updated_at = now()
  FROM plain_staged s JOIN plain_mappings m ON m.integration_id = ${TENANT} AND m.entity_type = 'STUDENT' AND m.external_id = s.external_id
  WHERE t.institution_id = ${TENANT} AND t.id = m.internal_id
    AND (t.given_name, t.family_name, t.email, t.code, t.enrolled_on)
      IS DISTINCT FROM (s.given_name, s.family_name, s.email, s.code, s.enrolled_on);
COMMIT;
`;

export function preparePsql(databaseUrl: string): void {
  psql(databaseUrl, SCHEMA);
}

/** Seconds for \copy and merge. */
export function runPsql(databaseUrl: string, path: string): number {
  const start = performance.now();
  psql(
    databaseUrl,
    `TRUNCATE plain_staged;\n\\copy plain_staged FROM '${path}' WITH (FORMAT csv, HEADER true)\n${MERGE}`,
  );
  return (performance.now() - start) / 1_000;
}

function psql(databaseUrl: string, script: string): void {
  const { status, stderr } = spawnSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', databaseUrl], {
    input: script,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`psql: ${stderr}`);
}
