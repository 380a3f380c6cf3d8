import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';

const { COURSE, STUDENT } = MappingEntityType;
const HEADER = 'id;rut;given_name;family_name';
const ANA = 'E1;12345678-5;Ana;Soto';
const PEDRO = 'E1;7654321-6;Pedro;Rojas';
const LUZ = 'E2;20347878-K;Luz;Paz';
const MORE = Array.from({ length: 60 }, (_, i) => `M${i};;Nombre${i};Apellido${i}`);
const csv = (...rows: string[]) => ({ 'students.csv': [HEADER, ...rows].join('\n') });

async function school(rows: readonly string[] = [ANA, LUZ, ...MORE]) {
  const { integrationService, database } = await sharedServices();
  const made = await newSchool({ 'courses.csv': 'id;name\nC1;Ciencias\n', ...csv(...rows) });
  const { integrationId } = made;
  await integrationService.syncData(integrationId, COURSE);
  await integrationService.syncData(integrationId, STUDENT);
  const session = await newSession(made, { course: 'C1' }, { E1: 'ABSENT', E2: 'PRESENT' });
  return {
    ...made,
    session,
    database,
    integrationService,
    rows: (...lines: string[]) => made.write(csv(...lines)),
    sync: () => integrationService.syncData(integrationId, STUDENT),
    preview: () => integrationService.previewSync(integrationId, STUDENT),
    conflicts: async () => (await integrationService.listConflicts(integrationId)).items,
    decide: async (resolution: 'CREATE' | 'LINK' | 'IGNORE', to?: string) => {
      const { items } = await integrationService.listConflicts(integrationId);
      const [conflict] = items;
      await integrationService.resolveConflict(integrationId, conflict?.id as string, resolution, to);
    },
    send: () => integrationService.sendAttendance(integrationId, session.id),
    sent: async () => {
      const { items } = await integrationService.listDeliveries(integrationId, { sessionId: session.id });
      const taken = items.filter(({ status }) => status === 'SENT' || status === 'CONFIRMED');
      return taken.map(({ externalId, mark }) => `${externalId} ${mark}`).sort();
    },
  };
}

describe('marks under an id in doubt', () => {
  it('stay withheld when a newer reading without the row replaces the held plan that met the conflict', async () => {
    const s = await school();
    // Most leave: the plan is held.
    await s.rows(PEDRO, LUZ);
    expect((await s.sync()).status).to.equal('HELD');
    expect(await s.conflicts()).to.have.length(1);
    expect(await s.send()).to.deep.include({ success: false });
    await s.rows(LUZ, ...MORE);
    expect((await s.sync()).status).to.equal('COMPLETED');
    await s.send();
    expect(await s.sent()).to.deep.equal(['E2 PRESENT']);
  });

  it('stay withheld when a newer held reading without the row replaces the plan that met the conflict', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ);
    expect((await s.sync()).status).to.equal('HELD');
    await s.rows(LUZ);
    expect((await s.sync()).status).to.equal('HELD');
    await s.send();
    expect(await s.sent()).to.deep.equal(['E2 PRESENT']);
  });

  it('stay withheld when a newer reading with gaps cannot read the row', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ);
    expect((await s.sync()).status).to.equal('HELD');
    await s.rows('E1;7654321-6;Pedro', LUZ, LUZ, ...MORE);
    await s.sync();
    await s.send();
    expect(await s.sent()).to.deep.equal(['E2 PRESENT']);
  });

  it('go out once the row is again that of the student, though another row of the reading came twice', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ, ...MORE);
    await s.sync();
    await s.rows(ANA, LUZ, LUZ, ...MORE);
    await s.sync();
    await s.send();
    expect(await s.sent()).to.deep.equal(['E1 ABSENT', 'E2 PRESENT']);
  });

  it('go out once the row is again that of the student, and it comes twice', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ, ...MORE);
    await s.sync();
    await s.rows(ANA, LUZ, ...MORE, ANA);
    await s.sync();
    await s.send();
    expect(await s.sent()).to.deep.equal(['E1 ABSENT', 'E2 PRESENT']);
  });

  it('go out once the row is again that of the student, and another row has no id', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ, ...MORE);
    await s.sync();
    await s.rows(ANA, LUZ, ...MORE, ';;Sin;Id');
    await s.sync();
    await s.send();
    expect(await s.sent()).to.deep.equal(['E1 ABSENT', 'E2 PRESENT']);
  });

  it('go out once the row is back after the source lacked it', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ, ...MORE);
    await s.sync();
    await s.rows(LUZ, ...MORE);
    await s.sync();
    await s.sync();
    await s.send();
    expect(await s.sent()).to.deep.equal(['E2 PRESENT']);
    await s.rows(ANA, LUZ, ...MORE);
    await s.sync();
    expect(await s.conflicts()).to.deep.equal([]);
    await s.send();
    expect(await s.sent()).to.deep.equal(['E1 ABSENT', 'E2 PRESENT']);
  });

  it('are in no doubt once the bad row is good again', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ, ...MORE);
    await s.sync();
    await s.rows('E1;7654321-6;Pedro', LUZ, ...MORE);
    await s.sync();
    await s.sync();
    expect(await s.conflicts()).to.have.length(1);
    await s.rows(ANA, LUZ, ...MORE);
    await s.sync();
    expect(await s.conflicts()).to.deep.equal([]);
  });

  it('are in a conflict that is announced once, over nights in which the source lacks the row or cannot read it', async () => {
    const s = await school();
    for (const rows of [
      [PEDRO, LUZ],
      [LUZ],
      ['E1;7654321-6;Pedro', LUZ],
      [PEDRO, LUZ],
      [LUZ, LUZ],
      [PEDRO, LUZ],
    ]) {
      await s.rows(...rows, ...MORE);
      await s.sync();
      await s.preview();
    }
    const [told] = await s.database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM events WHERE data->>'integrationId' = $1 AND type = 'conflict.created'`,
      [s.integrationId],
    );
    expect(told?.n).to.equal(1);
  });

  it('go out once the reading has the good row of the student, beside a bad one of the same id', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ, ...MORE);
    await s.sync();
    await s.rows(ANA, 'E1;7654321-6;Pedro', LUZ, ...MORE);
    await s.sync();
    await s.send();
    expect(await s.sent()).to.deep.equal(['E1 ABSENT', 'E2 PRESENT']);
  });

  it('stay withheld when a plan is discarded, where another plan that met the conflict too was applied', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ, ...MORE, 'N1;;Nueva;Persona');
    const first = await s.preview();
    const second = await s.preview();
    await s.integrationService.approveSync(s.integrationId, first.runId);
    await s.integrationService.discardSync(s.integrationId, second.runId);
    expect(await s.conflicts()).to.have.length(1);
    await s.send();
    expect(await s.sent()).to.deep.equal(['E2 PRESENT']);
  });

  it('stay withheld when the plan of another reading is discarded', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ, ...MORE, 'N1;;Nueva;Persona');
    const first = await s.preview();
    await s.integrationService.approveSync(s.integrationId, first.runId);
    const second = await s.preview();
    await s.integrationService.discardSync(s.integrationId, second.runId);
    await s.send();
    expect(await s.sent()).to.deep.equal(['E2 PRESENT']);
  });

  it('stay withheld where a held plan met the conflict and was approved, and the next reading lacks the row', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ);
    const held = await s.sync();
    expect(held.status).to.equal('HELD');
    await s.integrationService.approveSync(s.integrationId, held.runId);
    await s.rows(LUZ);
    await s.sync();
    await s.send();
    expect(await s.sent()).to.deep.equal(['E2 PRESENT']);
  });

  it('stay withheld when two held plans met the conflict, the newer of which is discarded', async () => {
    const s = await school();
    await s.rows(PEDRO, LUZ);
    await s.preview();
    const second = await s.preview();
    await s.integrationService.discardSync(s.integrationId, second.runId);
    await s.send();
    expect(await s.sent()).to.deep.equal(['E2 PRESENT']);
  });
});
