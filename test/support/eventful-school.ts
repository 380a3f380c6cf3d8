import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MappingEntityType } from '../../src/connectors/index.js';
import type { StoredEvent } from '../../src/events/index.js';
import { newSchool, newSession, sharedServices } from './services.js';

const { STUDENT, GROUP } = MappingEntityType;
const HEADER = 'id,nombres,apellidos,grupo,email\n';
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => `S${i + 1},Ana,Soto ${i + 1},G1,\n`).join('');

/** A school of its own to which everything happens that there are events of, step by step. */
export async function eventfulSchool() {
  const { integrationService, rosterService, eventService } = await sharedServices();
  const school = await newSchool({
    'groups.csv': 'id,nombre\nG1,1A\n',
    'students.csv': HEADER + rows(20),
  });
  const { institutionId, integrationId, folder } = school;
  let seen = 0;
  /** What has happened since the last look, the oldest first. */
  const news = async (): Promise<StoredEvent[]> => {
    const { items } = await eventService.listEvents(institutionId, { pageSize: 1_000 });
    const all = items.reverse();
    const fresh = all.slice(seen);
    seen = all.length;
    return fresh;
  };
  /** All that has happened, `last` included, the oldest first. */
  const everything = async (last: () => Promise<unknown>): Promise<StoredEvent[]> => {
    await last();
    return (await eventService.listEvents(institutionId, { pageSize: 1_000 })).items.reverse();
  };
  const sync = () => integrationService.syncData(integrationId, STUDENT);
  const students = (text: string) => school.write({ 'students.csv': HEADER + text });
  const session = () =>
    newSession({ institutionId, integrationId }, { group: 'G1' }, { S1: 'PRESENT', S2: 'ABSENT' });
  return {
    ...school,
    news,
    everything,
    async firstSync() {
      await integrationService.syncData(integrationId, GROUP);
      await news();
      return sync();
    },
    sync,
    async held() {
      await students(rows(2));
      return sync();
    },
    async failed() {
      await rm(join(folder, 'students.csv'));
      return sync();
    },
    /** A new row of which nobody can tell who it is: somebody with that address is in the roster. */
    async conflict() {
      const eva = { givenName: 'Eva', familyName: 'Rojas', email: 'eva@example.com' };
      await rosterService.putStudent(institutionId, randomUUID(), eva);
      await news();
      await students(`${rows(20)}S99,Eva,Rojas,G1,eva@example.com\n`);
      return sync();
    },
    async deliver() {
      const { id } = await session();
      return integrationService.sendAttendance(integrationId, id);
    },
    async deliverNowhere() {
      const { id } = await session();
      await rm(join(folder, 'export'), { recursive: true });
      await writeFile(join(folder, 'export'), 'a file where the folder was');
      return integrationService.sendAttendance(integrationId, id);
    },
    async edit() {
      const id = randomUUID();
      await rosterService.putStudent(institutionId, id, { givenName: 'Luz', familyName: 'Mora' });
      return id;
    },
    students: (count: number) => students(rows(count)),
  };
}
