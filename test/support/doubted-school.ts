import { expect } from 'chai';
import { MappingEntityType } from '../../src/connectors/index.js';
import { newSchool, newSession, sharedServices } from './services.js';

const { COURSE, STUDENT } = MappingEntityType;
const TAKEN = ['SENT', 'CONFIRMED'];
const HEADER = 'id;rut;given_name;family_name';
export const ANA = 'E1;12345678-5;Ana;Soto';
export const PEDRO = 'E1;7654321-6;Pedro;Rojas';
export const LUZ = 'E2;20347878-K;Luz;Paz';
/** A file of these students. */
export const studentsCsv = (...rows: string[]) => ({ 'students.csv': [HEADER, ...rows].join('\n') });

interface Options {
  isSentBefore?: boolean;
  /** Of the session. */
  marks?: Parameters<typeof newSession>[2];
}

const MARKS = { E1: 'ABSENT', E2: 'PRESENT' } as const;

/**
 * A school that gave the id of Ana, who has left, to Pedro, and a session in which both ids have a mark.
 * `isSentBefore`: the marks were sent before that.
 */
export async function doubtedSchool({ isSentBefore = false, marks = MARKS }: Options = {}) {
  const { integrationService, rosterService } = await sharedServices();
  const school = await newSchool({ 'courses.csv': 'id;name\nC1;Ciencias\n', ...studentsCsv(ANA, LUZ) });
  const { integrationId } = school;
  await integrationService.syncData(integrationId, COURSE);
  await integrationService.syncData(integrationId, STUDENT);
  const session = await newSession(school, { course: 'C1' }, marks);
  if (isSentBefore) await integrationService.sendAttendance(integrationId, session.id);
  await school.write(studentsCsv(PEDRO, LUZ));
  const sync = () => integrationService.syncData(integrationId, STUDENT);
  expect((await sync()).counts).to.include({ conflicts: 1 });
  const deliveries = async () =>
    (await integrationService.listDeliveries(integrationId, { sessionId: session.id })).items;
  return {
    ...school,
    session,
    sync,
    preview: () => integrationService.previewSync(integrationId, STUDENT),
    conflicts: async () => (await integrationService.listConflicts(integrationId)).items,
    close: () => rosterService.closeClassSession(school.institutionId, session.id),
    send: () => integrationService.sendAttendance(integrationId, session.id),
    /** The id and the mark of each that the school has. */
    sent: async () => {
      const taken = (await deliveries()).filter(({ status }) => TAKEN.includes(status));
      return taken.map(({ externalId, mark }) => `${externalId} ${mark}`).sort();
    },
    /** The id, version, mark, status and attempts of each delivery. */
    states: async () => {
      const told = (status: string) => (TAKEN.includes(status) ? 'TAKEN' : status);
      return (await deliveries())
        .map(
          ({ externalId, version, mark, status, attempts }) =>
            `${externalId} v${version} ${mark} ${told(status)} ${attempts}`,
        )
        .sort();
    },
    decide: async (resolution: 'CREATE' | 'LINK' | 'IGNORE') => {
      const { items } = await integrationService.listConflicts(integrationId);
      const [conflict] = items;
      const ana = conflict?.candidates[0]?.internalId;
      await integrationService.resolveConflict(
        integrationId,
        conflict?.id as string,
        resolution,
        resolution === 'LINK' ? ana : undefined,
      );
    },
  };
}
