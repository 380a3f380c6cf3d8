import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { AttendanceRecord } from '../../src/roster/index.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';

const { GROUP, STUDENT } = (await import('../../src/index.js')).MappingEntityType;

/** The same for the same seed. */
function shuffled<T>(values: readonly T[], seed: number): T[] {
  const rank = new Map(
    values.map((value, i) => [value, (Math.sin((i + 1) * (seed + 1) * 12.9898) * 43758.5453) % 1]),
  );
  return [...values].sort((a, b) => (rank.get(a) as number) - (rank.get(b) as number));
}

describe('callers who record the attendance of the same session at once', () => {
  it('are all served, in whatever order each has the students', async function () {
    this.timeout(60_000);
    const { integrationService, rosterService } = await sharedServices();
    const school = await newSchool({
      'students.csv': `id,nombres\n${Array.from({ length: 300 }, (_, i) => `S${i},Ana ${i}`).join('\n')}\n`,
      'groups.csv': 'id,nombre\nG1,1A\n',
    });
    await integrationService.syncData(school.integrationId, GROUP);
    await integrationService.syncData(school.integrationId, STUDENT);
    const { institutionId } = school;
    const students: string[] = [];
    for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
      const page = await rosterService.listStudents({ institutionId, pageSize: 1_000, pageToken });
      students.push(...page.items.map(({ id }) => id));
      pageToken = page.nextPageToken;
    }
    expect(students).to.have.length(300);
    const session = await newSession(school, { group: 'G1' }, {});
    const marks = (ids: readonly string[], remarks: string): AttendanceRecord[] =>
      ids.map((studentId) => ({
        studentId,
        status: 'PRESENT',
        arrivalTime: null,
        permanencePercentage: null,
        origin: null,
        source: null,
        remarks,
      }));
    const ends = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) =>
        rosterService.recordAttendance(institutionId, session.id, marks(shuffled(students, i), randomUUID())),
      ),
    );
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
    expect(failures).to.deep.equal([]);
  });
});
