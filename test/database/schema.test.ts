import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../examples/package-root.js';
import { migrate } from '../../src/database/index.js';
import { createLogger } from '../../src/observability/index.js';
import { sharedServices } from '../support/services.js';

describe('the schema', () => {
  it('is what the models say: tables, columns, types and what may be null', async () => {
    const { database } = await sharedServices();
    for (const model of Object.values(database.sequelize.models)) {
      const table = model.getTableName() as string;
      const columns = await database.sequelize.getQueryInterface().describeTable(table);
      const attributes = Object.values(model.getAttributes());
      expect(Object.keys(columns).sort(), table).to.deep.equal(
        attributes.map(({ field }) => field as string).sort(),
      );
      for (const attribute of attributes) {
        const column = columns[attribute.field as string];
        const nullable = attribute.allowNull !== false && !attribute.primaryKey;
        expect(column?.allowNull, `${table}.${attribute.field} may be null`).to.equal(nullable);
      }
    }
  });

  it('is migrated once, whoever asks again', async () => {
    const { database } = await sharedServices();
    const before = await database.query('SELECT * FROM schema_migrations');
    await Promise.all([1, 2, 3].map(() => migrate(database, createLogger({ level: 'silent' }))));
    expect(await database.query('SELECT * FROM schema_migrations')).to.deep.equal(before);
  });

  /** What operators list over all institutions, and what is due, is found by these. */
  const OVER_ALL = [
    ...['over_all', 'by_status', 'by_provider', 'by_provider_and_status'].map((name) => `sync_runs_${name}`),
    'sync_schedules_due',
    // One process publishes for all.
    'events_to_publish',
  ];

  it('begins every key of a table that grows with its tenant', async () => {
    const { database } = await sharedServices();
    const rows = await database.query<{ table: string; first: string }>(
      `SELECT c.relname AS table, a.attname AS first FROM pg_index i
       JOIN pg_class o ON o.oid = i.indexrelid
       JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
       JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'public' AND c.relname NOT IN ('integrations', 'schema_migrations', 'idempotency_keys')
         AND NOT (o.relname = ANY($1) AND NOT i.indisunique)`,
      [OVER_ALL],
    );
    expect(rows.length).to.be.greaterThan(10);
    for (const { table, first } of rows)
      expect(first, table).to.be.oneOf(['integration_id', 'institution_id']);
  });

  it('has the tenants that docs/scaling.md says', async () => {
    const { database } = await sharedServices();
    const rows = await database.query<{ table: string; tenant: string }>(
      `SELECT c.relname AS table, COALESCE(min(a.attname) FILTER (WHERE a.attname IN ('institution_id', 'integration_id')),
         'none') AS tenant
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_index i ON i.indrelid = c.oid AND (i.indisunique OR c.relname = 'sync_staged')
       LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
       WHERE n.nspname = 'public' AND c.relkind = 'r' GROUP BY c.relname`,
    );
    const text = await readFile(join(packageRoot, 'docs/scaling.md'), 'utf8');
    const told = [...text.matchAll(/^\| `(\w+)` +\| `?(\w+)`? +\|/gm)].map(
      ([, table, tenant]) => `${table} ${tenant}`,
    );
    expect(told.sort()).to.deep.equal(rows.map(({ table, tenant }) => `${table} ${tenant}`).sort());
  });

  it('holds both uniqueness rules of mappings, whatever writes', async () => {
    const { database } = await sharedServices();
    const [integration, a, b] = [
      '00000000-0000-4000-8000-0000000000f1',
      '00000000-0000-4000-8000-0000000000f2',
      '00000000-0000-4000-8000-0000000000f3',
    ];
    const insert = (internal: string, external: string) =>
      database
        .query(
          `INSERT INTO integration_mappings (integration_id, entity_type, internal_id, external_id) VALUES ($1, 'STUDENT', $2, $3)`,
          [integration, internal, external],
        )
        .then(
          () => 'stored',
          (error: { constraint?: string }) => error.constraint,
        );
    expect(await insert(a as string, '1')).to.equal('stored');
    expect(await insert(a as string, '2')).to.equal('integration_mappings_by_internal');
    expect(await insert(b as string, '1')).to.equal('integration_mappings_by_external');
  });
});
