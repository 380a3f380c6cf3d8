import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { ServiceError } from '../../src/errors.js';
import { MappingEntityType } from '../../src/index.js';
import { newCsvSource } from '../support/institution.js';
import { sharedServices } from '../support/services.js';

const { GROUP, STUDENT } = MappingEntityType;
/** MIXED_CALLS=10000 for a long look. */
const COUNT = Number(process.env.MIXED_CALLS ?? 150);
const AT_ONCE = 30;
const NONE = {
  arrivalTime: null,
  permanencePercentage: null,
  origin: null,
  source: null,
} as const;

describe('many calls of all kinds at once', () => {
  it('are done or turned away with a reason, and none fails by a fault of the service', async function () {
    this.timeout(0);
    const { integrationService, mappingService, rosterService } = await sharedServices();
    const csv = (round: number) => ({
      'students.csv': `id,nombres,código\n${Array.from({ length: 40 }, (_, i) => `S${i},Ana ${round},C${i}`).join('\n')}\n`,
      'groups.csv': 'id,nombre\nG1,1A\n',
    });
    const first = await newCsvSource(csv(0));
    const { institutionId } = first;
    await first.sync(GROUP);
    await first.sync();
    const students = (await rosterService.listStudents({ institutionId })).items.map(({ id }) => id);
    const [group] = (await rosterService.listGroups({ institutionId })).items;
    const session = {
      id: randomUUID(),
      institutionId,
      groupId: group?.id ?? null,
      courseId: null,
      teacherId: null,
      startsAt: new Date('2026-03-02T11:00Z'),
      endsAt: new Date('2026-03-02T12:30Z'),
      topic: null,
    };
    await rosterService.putClassSession(session);
    let second = await newCsvSource(csv(0), institutionId);
    const kinds = [
      (i: number) =>
        rosterService.recordAttendance(
          institutionId,
          session.id,
          [...students]
            .sort(() => (i % 2 ? 1 : -1))
            .map((studentId) => ({ ...NONE, studentId, status: 'PRESENT', remarks: `${i}` })),
        ),
      () => rosterService.putClassSession(session),
      (i: number) =>
        rosterService.putStudent(institutionId, students[i % 5] as string, { givenName: `Eva ${i}` }),
      async (i: number) => {
        await first.write(csv(i));
        return integrationService.syncData(first.integrationId, STUDENT);
      },
      () => second.sync(),
      async () => {
        const { integrationId } = second;
        await integrationService.deleteIntegration(integrationId);
        second = await newCsvSource(csv(0), institutionId);
      },
      () => integrationService.previewSync(second.integrationId, STUDENT),
      async () => {
        const { items } = await integrationService.listSyncRuns(second.integrationId, { pageSize: 1 });
        const runId = items[0]?.id ?? randomUUID();
        await Promise.all([
          integrationService.approveSync(second.integrationId, runId),
          integrationService.discardSync(second.integrationId, runId),
        ]);
      },
      () => integrationService.sendAttendance(first.integrationId, session.id),
      () => mappingService.listMappings(second.integrationId, {}),
      () => rosterService.listRosterChanges({ institutionId, pageSize: 10 }),
      (i: number) =>
        mappingService.repairs.unlink({
          integrationId: first.integrationId,
          entityType: STUDENT,
          externalId: `S${30 + (i % 10)}`,
        }),
    ];
    const faults = new Set<string>();
    for (let i = 0; i < COUNT; i += AT_ONCE) {
      const calls = Array.from({ length: AT_ONCE }, async (_, n) => {
        const kind = (i + n * 7) % kinds.length;
        await kinds[kind]?.(i + n).catch((error: unknown) => {
          if (!(error instanceof ServiceError)) faults.add(`${kind}: ${(error as Error)?.stack}`);
        });
      });
      await Promise.all(calls);
    }
    expect([...faults]).to.deep.equal([]);
  });
});
