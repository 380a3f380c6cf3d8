import { once } from 'node:events';
import { expect } from 'chai';
import { AttendanceService, type SendSheet } from '../../src/attendance/index.js';
import { MappingEntityType } from '../../src/connectors/index.js';
import { ServiceError } from '../../src/errors.js';
import { leasesOfAProcess, sharedByProcesses } from '../support/process.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';

const STUDENTS = Array.from({ length: 6 }, (_, i) => `S${i}`);

/** A session with a mark for each of six students, and services that send it as different processes would. */
async function marked() {
  const { database, integrationService, mappingService } = await sharedServices();
  const school = await newSchool({
    'courses.csv': 'id;name\nC1;Ciencias\n',
    'students.csv': `id;given_name;family_name\n${STUDENTS.map((id) => `${id};Ana;Soto ${id}`).join('\n')}\n`,
  });
  for (const type of [MappingEntityType.COURSE, MappingEntityType.STUDENT]) {
    expect(await integrationService.syncData(school.integrationId, type)).to.deep.include({ success: true });
  }
  const session = await newSession(
    school,
    { course: 'C1' },
    Object.fromEntries(STUDENTS.map((id) => [id, 'PRESENT'])),
  );
  const target = {
    id: school.integrationId,
    institutionId: school.institutionId,
    provider: 'TEST',
    config: {},
  };
  const values = [school.integrationId, session.id];
  return {
    ...school,
    session,
    database,
    mappingService,
    /** A process; both databases are shared by as many as a test wants. */
    newProcess(timing: Parameters<typeof leasesOfAProcess>[1] = {}) {
      const seen = sharedByProcesses(database);
      const service = new AttendanceService({
        database,
        leases: leasesOfAProcess(seen, timing),
        timeZoneOf: () => 'UTC',
      });
      return {
        send: (sendSheet: SendSheet, resend = false) => service.send(target, session.id, sendSheet, resend),
      };
    },
    /** As if the process that holds the lease had been silent for too long. */
    expireLease: () =>
      database.execute(
        `UPDATE leases SET expires_at = now() - interval '1 s' WHERE integration_id = $1 AND resource = 'session:' || $2`,
        values,
      ),
    /** Student -> version, status, attempts. */
    async states() {
      const { items } = await integrationService.listDeliveries(school.integrationId, {
        sessionId: session.id,
      });
      return items
        .map(({ externalId, version, status, attempts }) => `${externalId} v${version} ${status} ${attempts}`)
        .sort();
    },
    leases: () =>
      database.query(
        `SELECT owner FROM leases WHERE integration_id = $1 AND resource = 'session:' || $2`,
        values,
      ),
  };
}

const takesAll: SendSheet = async ({ rows }) => ({ success: true, sent: rows.length, errors: [] });
const all = (state: string) => STUDENTS.map((id) => `${id} ${state}`);

async function refusal(call: Promise<unknown>): Promise<ServiceError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(ServiceError);
  return error as ServiceError;
}

describe('sending attendance', () => {
  it('a refusal whose words have a NUL or half a character is written down all the same, and the next call sends', async () => {
    const { newProcess, states, leases } = await marked();
    const { send } = newProcess();
    const refusesOne: SendSheet = async (sheet, callbacks) => {
      const [first, second] = sheet.rows;
      const outcome = (studentId: string | undefined) => ({
        studentId: studentId as string,
        status: 'FAILED' as const,
      });
      await callbacks.delivered([
        { ...outcome(first?.studentId), reason: 'a\0b' },
        { ...outcome(second?.studentId), reason: '\uD800' },
      ]);
      throw new Error('HTTP 500: a\0b \uD800');
    };
    const report = await send(refusesOne);
    expect(report.success).to.equal(false);
    expect(report.errors[0]).to.contain('HTTP 500: a');
    expect(await states()).to.deep.equal(all('v1 FAILED 1'));
    expect(await leases()).to.deep.equal([]);
    expect(await send(takesAll)).to.deep.include({ success: true, sent: 6 });
  });

  it('a mark corrected while the sheet is being sent is not SENT: it goes out with the next call', async () => {
    const { newProcess, session, states } = await marked();
    const { send } = newProcess();
    const sheets: string[][] = [];
    const sends: SendSheet = async (sheet, callbacks) => {
      sheets.push(sheet.rows.map(({ externalId, status }) => `${externalId} ${status}`));
      if (sheets.length === 1) await session.mark({ S1: 'ABSENT' });
      return takesAll(sheet, callbacks);
    };
    expect(await send(sends)).to.deep.include({ success: true, sent: 6 });
    expect(await states()).to.deep.equal(all('v1 SENT 1'));
    expect(await send(sends)).to.deep.include({ success: true, sent: 1, unchanged: 5 });
    expect(sheets[1]).to.deep.equal(['S1 ABSENT']);
    expect(await states()).to.deep.equal([...all('v1 SENT 1'), 'S1 v2 SENT 1'].sort());
  });

  it('a sender whose lease was taken while the connector worked writes nothing, and its caller is told', async () => {
    const { newProcess, session, states, expireLease, leases } = await marked();
    const late = refusal(
      newProcess().send(async (sheet, { delivered }) => {
        await delivered(sheet.rows.slice(0, 2).map(({ studentId }) => ({ studentId, status: 'SENT' })));
        await expireLease();
        await session.mark({ S5: 'ABSENT' });
        const heir = await newProcess().send(async (whole, callbacks) => {
          expect(whole.rows.map(({ externalId }) => externalId)).to.deep.equal(['S2', 'S3', 'S4', 'S5']);
          await refusal(
            delivered(sheet.rows.map(({ studentId }) => ({ studentId, status: 'FAILED', reason: 'late' }))),
          );
          return takesAll(whole, callbacks);
        });
        expect(heir).to.deep.include({ success: true, sent: 4, unchanged: 2 });
        return { success: false, sent: 0, errors: ['late'] };
      }),
    );
    expect(await late).to.deep.include({ code: 'aborted', reason: 'SENDING_TAKEN_OVER' });
    expect(await states()).to.deep.equal([
      'S0 v1 SENT 1',
      'S1 v1 SENT 1',
      'S2 v1 SENT 2',
      'S3 v1 SENT 2',
      'S4 v1 SENT 2',
      'S5 v1 WITHDRAWN 1',
      'S5 v2 SENT 1',
    ]);
    expect(await leases()).to.deep.equal([]);
  });

  it('a sender whose lease was taken leaves its marks QUEUED with an attempt while the other has judged nothing', async () => {
    const { newProcess, states, expireLease, leases } = await marked();
    const first = newProcess();
    const second = newProcess();
    const seen: string[][] = [];
    await refusal(
      first.send(async (sheet, callbacks) => {
        await expireLease();
        await refusal(
          second.send(async () => {
            throw new ServiceError('unavailable', 'ours', { reason: 'OURS' });
          }),
        );
        seen.push(await states());
        return takesAll(sheet, callbacks);
      }),
    );
    expect(seen).to.deep.equal([all('v1 QUEUED 2')]);
    expect(await states()).to.deep.equal(all('v1 QUEUED 2'));
    expect(await leases()).to.deep.equal([]);
  });

  it('the connector of a sender whose lease was taken is stopped by its signal, at the next renewal', async () => {
    const { newProcess, states, expireLease } = await marked();
    const error = await refusal(
      newProcess({ renewSeconds: 0.02, ttlSeconds: 60 }).send(async (sheet, { signal, assertMaySend }) => {
        const aborted = once(signal, 'abort');
        // Renewals go on meanwhile: it is expired until another has it.
        const heir = newProcess().send(takesAll);
        while ((await states()).some((state) => state.includes('QUEUED'))) await expireLease();
        await aborted;
        expect(assertMaySend).to.throw(ServiceError);
        expect(await heir).to.deep.include({ sent: 6 });
        throw new Error(`what a connector makes of it, with ${sheet.rows.length} rows`);
      }),
    );
    expect(error.reason).to.equal('SENDING_TAKEN_OVER');
    expect(await states()).to.deep.equal(all('v1 SENT 2'));
  });

  it('a process killed between handing out and recording leaves QUEUED with an attempt, and the next call sends it', async () => {
    const { newProcess, states, expireLease } = await marked();
    let killed!: () => void;
    const reached = new Promise<void>((resolve) => {
      killed = resolve;
    });
    let wake!: () => void;
    const never = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const dead = refusal(
      newProcess().send(async (sheet, callbacks) => {
        killed();
        await never;
        return takesAll(sheet, callbacks);
      }),
    );
    await reached;
    expect(await states()).to.deep.equal(all('v1 QUEUED 1'));
    await expireLease();
    expect(await newProcess().send(takesAll)).to.deep.include({ success: true, sent: 6, unchanged: 0 });
    wake();
    await dead;
    expect(await states()).to.deep.equal(all('v1 SENT 2'));
  });

  it('an error after half of the batches fails the other half, names those refused before, and the next call sends these', async () => {
    const { newProcess, states } = await marked();
    const { send } = newProcess();
    const report = await send(async ({ rows }, { delivered }) => {
      const [a, b, c] = rows.map(({ studentId }) => studentId) as [string, string, string];
      await delivered([
        { studentId: a, status: 'SENT' },
        { studentId: b, status: 'CONFIRMED' },
        { studentId: c, status: 'FAILED', reason: 'not there.' },
      ]);
      throw new Error('The school system went away.');
    });
    expect(report).to.deep.include({ success: false, sent: 2, confirmed: 1, unchanged: 0 });
    expect(report.errors).to.have.length(2);
    expect(report.errors[0]).to.equal('The school system went away.');
    expect(report.errors[1]).to.match(/^student Soto S2, Ana .*: not there\.$/);
    expect(await states()).to.deep.equal([
      'S0 v1 SENT 1',
      'S1 v1 CONFIRMED 1',
      ...['S2', 'S3', 'S4', 'S5'].map((id) => `${id} v1 FAILED 1`),
    ]);
    expect(await send(takesAll)).to.deep.include({ success: true, sent: 4, unchanged: 2 });
  });

  it('a connector that goes on although its word could not be written down is not believed', async () => {
    const { newProcess, states } = await marked();
    const { send } = newProcess();
    const error = await send(async ({ rows }, { delivered }) => {
      await delivered([{ studentId: rows[0]?.studentId ?? '', status: 'LOST' as 'SENT' }]).catch(() => {});
      return { success: true, sent: rows.length, errors: [] };
    }).catch((thrown: Error) => thrown.message);
    expect(error).to.match(/outbox_deliveries_status_check/);
    expect(await states()).to.deep.equal(all('v1 QUEUED 1'));
    expect(await send(takesAll)).to.deep.include({ success: true, sent: 6 });
  });

  it('outcomes of marks that were not handed out are not written', async () => {
    const { newProcess, session, states } = await marked();
    const { send } = newProcess();
    await send(takesAll);
    await session.mark({ S0: 'LATE' });
    await send(async (sheet, { delivered }) => {
      await delivered(
        sheet.all.map(({ studentId }) => ({ studentId, status: 'FAILED', reason: 'nonsense' })),
      );
      return { success: true, sent: 1, errors: [] };
    });
    expect(await states()).to.deep.equal([...all('v1 SENT 1'), 'S0 v2 FAILED 1'].sort());
  });

  it('marks that the school system lost are handed out again with an attempt, and judged like the others', async () => {
    const { newProcess, session, states } = await marked();
    const { send } = newProcess();
    await send(takesAll);
    await session.mark({ S0: 'LATE' });
    const report = await send(async (sheet, { handOutAgain }) => {
      await handOutAgain(sheet.all.slice(0, 3).map(({ studentId }) => studentId));
      expect((await states()).filter((state) => state.includes('QUEUED'))).to.deep.equal([
        'S0 v2 QUEUED 1',
        'S1 v1 QUEUED 2',
        'S2 v1 QUEUED 2',
      ]);
      return { success: true, sent: 3, errors: [] };
    });
    expect(report).to.deep.include({ success: true, sent: 3, unchanged: 3 });
  });

  it('a correction of a mark that did not arrive withdraws it; a student mapped anew gets a version of the new id', async () => {
    const { newProcess, session, states, database, integrationId } = await marked();
    const { send } = newProcess();
    await send(async () => ({ success: false, sent: 0, errors: ['no'] }));
    await session.mark({ S0: 'LATE' });
    const rekey = `UPDATE integration_mappings SET external_id = $3 WHERE integration_id = $1 AND external_id = $2`;
    await database.execute(rekey, [integrationId, 'S1', 'N1']);
    await send(takesAll);
    expect(await states()).to.deep.equal(
      [
        ...['S0 v1 WITHDRAWN 1', 'S0 v2 SENT 1', 'S1 v1 WITHDRAWN 1', 'N1 v2 SENT 1'],
        ...['S2', 'S3', 'S4', 'S5'].map((id) => `${id} v1 SENT 2`),
      ].sort(),
    );
    await database.execute(rekey, [integrationId, 'N1', 'S1']);
    await send(takesAll);
    expect(await states()).to.include.members(['N1 v2 SENT 1', 'S1 v3 SENT 1']);
  });

  it('a waiting mark whose record is gone is withdrawn, and sent when it is recorded again; without an id it goes on waiting', async () => {
    const { newProcess, session, states, database, integrationId } = await marked();
    const { send } = newProcess();
    await send(async () => ({ success: false, sent: 0, errors: ['no'] }));
    const mapping = `FROM integration_mappings WHERE integration_id = $1 AND external_id = $2`;
    await database.execute(
      `DELETE FROM attendance_records WHERE session_id = $3 AND student_id = (SELECT internal_id ${mapping})`,
      [integrationId, 'S0', session.id],
    );
    await database.execute(
      `UPDATE integration_mappings SET internal_id = gen_random_uuid() WHERE integration_id = $1 AND external_id = $2`,
      [integrationId, 'S1'],
    );
    const report = await send(takesAll);
    expect(report).to.deep.include({ success: false, sent: 4 });
    expect((await states()).slice(0, 2)).to.deep.equal(['S0 v1 WITHDRAWN 1', 'S1 v1 WITHHELD 1']);
    await session.mark({ S0: 'PRESENT' });
    await send(takesAll);
    expect((await states()).slice(0, 2)).to.deep.equal(['S0 v1 SENT 2', 'S1 v1 WITHHELD 1']);
  });

  it('a session moved in time is a new version of every mark', async () => {
    const { newProcess, session, states, database } = await marked();
    const { send } = newProcess();
    await send(takesAll);
    await database.execute(
      `UPDATE class_sessions SET starts_at = starts_at + interval '1 hour' WHERE id = $1`,
      [session.id],
    );
    expect(await send(takesAll)).to.deep.include({ success: true, sent: 6, unchanged: 0 });
    expect(await states()).to.deep.equal([...all('v1 SENT 1'), ...all('v2 SENT 1')].sort());
  });

  it('an integration deleted while its attendance is sent leaves nothing behind, and is sent no more', async () => {
    const { newProcess, integrationId, database } = await marked();
    const { integrationService } = await sharedServices();
    const first = await refusal(
      newProcess().send(async (sheet, callbacks) => {
        await integrationService.deleteIntegration(integrationId);
        return takesAll(sheet, callbacks);
      }),
    );
    expect(first.code).to.equal('aborted');
    expect(await refusal(newProcess().send(takesAll))).to.deep.include({ code: 'not_found' });
    for (const table of ['outbox_deliveries', 'leases']) {
      expect(
        await database.query(`SELECT * FROM ${table} WHERE integration_id = $1`, [integrationId]),
      ).to.deep.equal([]);
    }
  });
});
