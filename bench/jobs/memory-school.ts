import { z } from 'zod';
import { type ConnectorDefinition, RosterConnector, type StudentRecord } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';

/** So many students of a school, in pages of 500. */
export async function* studentsOf(rows: number): AsyncGenerator<StudentRecord[]> {
  for (let at = 0; at < rows; at += 500) {
    yield Array.from({ length: Math.min(500, rows - at) }, (_, i) => {
      return { externalId: `S${at + i}`, givenName: `Ana ${at + i}`, email: `ana.${at + i}@school.cl` };
    });
  }
}

class MemoryConnector extends RosterConnector<{ rows: number }> {
  async testConnection() {
    return { success: true };
  }

  students() {
    return studentsOf(this.config.rows);
  }
}

/** A school system that answers at once: what is measured is ours. */
export const memorySchool: ConnectorDefinition = {
  provider: 'MEMORY',
  title: 'A school in memory',
  config: z.strictObject({ rows: z.int() }),
  credentials: z.strictObject({}),
  capabilities: { entityTypes: [MappingEntityType.STUDENT], sendsAttendance: false },
  create: (context) => new MemoryConnector(context),
};
