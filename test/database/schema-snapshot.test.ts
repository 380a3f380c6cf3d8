import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../examples/package-root.js';
import { printSchema } from '../support/print-schema.js';
import { sharedServices } from '../support/services.js';

const SNAPSHOT = join(packageRoot, 'test/database/schema.sql');
const HEAD =
  '-- The schema that the migrations make. Written by `npm run schema`; a test compares it with the database.\n\n';

describe('the schema snapshot', () => {
  it('is what the migrations make; `npm run schema` writes it anew', async () => {
    const { database } = await sharedServices();
    const schema = HEAD + (await printSchema(database));
    if (process.env.WRITE_SCHEMA && !process.env.CI) await writeFile(SNAPSHOT, schema);
    expect(schema).to.equal(await readFile(SNAPSHOT, 'utf8'));
  });

  it('shows a column, a constraint, an index, a sequence and a trigger that a migration adds', async () => {
    const { database } = await sharedServices();
    const before = await printSchema(database);
    const after = await database
      .transaction(async () => {
        await database.execute(`CREATE SEQUENCE teachers_seen`);
        await database.execute(
          `ALTER TABLE teachers ADD COLUMN seen integer NOT NULL DEFAULT 7 CHECK (seen > 0)`,
        );
        await database.execute(
          'CREATE INDEX teachers_by_seen ON teachers (institution_id, seen) WHERE active',
        );
        await database.execute(
          `CREATE TRIGGER teachers_kept BEFORE UPDATE ON teachers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
        );
        throw Object.assign(new Error('taken back'), { schema: await printSchema(database) });
      })
      .catch((error: Error & { schema?: string }) => {
        if (!error.schema) throw error;
        return error.schema;
      });
    const linesOf = (schema: string) => schema.split('\n').map((line) => line.replace(/,$/, ''));
    const known = new Set(linesOf(before));
    expect(linesOf(after).filter((line) => !known.has(line))).to.deep.equal([
      'CREATE SEQUENCE teachers_seen AS bigint;',
      '  seen integer DEFAULT 7 NOT NULL',
      '  CONSTRAINT teachers_seen_check CHECK ((seen > 0))',
      'CREATE INDEX teachers_by_seen ON teachers USING btree (institution_id, seen) WHERE active;',
      'CREATE TRIGGER teachers_kept BEFORE UPDATE ON teachers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();',
    ]);
    expect(await printSchema(database)).to.equal(before);
  });
});
