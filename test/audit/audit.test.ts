import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { AuditEvent } from '../../src/audit/index.js';
import { NO_INSTITUTION, onBehalfOf, Refusals, recordEvent } from '../../src/audit/index.js';
import { newSchool, newSession, sharedServices } from '../support/services.js';

async function eventsOf(institutionId: string, filter: object = {}): Promise<AuditEvent[]> {
  const { auditService } = await sharedServices();
  return (await auditService.listEvents({ institutionId, ...filter })).items;
}

/** A chain of so many events. */
async function chain(count: number): Promise<string> {
  const { database } = await sharedServices();
  const institutionId = randomUUID();
  for (let nth = 1; nth <= count; nth++) {
    await recordEvent(database, {
      institutionId,
      action: 'student.updated',
      objectType: 'STUDENT',
      objectId: `student-${nth}`,
      before: { email: null, n: 1.5 },
      after: { email: `${nth}@x.cl`, text: 'ñ 😀 "', list: [1, null] },
    });
  }
  return institutionId;
}

/** Changes rows as somebody would who owns the database. */
async function tamper(sql: string, values: unknown[]): Promise<void> {
  const { database } = await sharedServices();
  await database.transaction(async () => {
    await database.query('ALTER TABLE audit_events DISABLE TRIGGER USER');
    await database.execute(sql, values);
    await database.query('ALTER TABLE audit_events ENABLE TRIGGER USER');
  });
}

const STUDENTS = 'id,nombres,email\n1,Ana,ana@x.cl\n2,Beto,beto@x.cl\n';

describe('the audit', () => {
  it('has an event of each change of an integration, with what it was before and after, and no secret', async () => {
    const { integrationService } = await sharedServices();
    const { institutionId, integrationId } = await newSchool();
    await integrationService.updateIntegration(integrationId, { config: { metadata: ['*'] } });
    await integrationService.updateIntegration(integrationId, { status: 'INACTIVE' });
    await integrationService.updateIntegration(integrationId, { status: 'INACTIVE' });
    await integrationService.deleteIntegration(integrationId);
    const events = (await eventsOf(institutionId)).toReversed();
    expect(events.map(({ action, before, after }) => ({ action, before, after }))).to.deep.include.members([
      { action: 'integration.updated', before: { status: 'ACTIVE' }, after: { status: 'INACTIVE' } },
    ]);
    expect(events.map(({ action }) => action)).to.deep.equal([
      'integration.created',
      'integration.updated',
      'integration.updated',
      'integration.deleted',
    ]);
    expect(events.map(({ position }) => position)).to.deep.equal(['1', '2', '3', '4']);
    expect(events[3]?.before).to.have.property('status', 'INACTIVE');
  });

  it('names credentials that are replaced, and does not show them', async () => {
    const { integrationService } = await sharedServices();
    const institutionId = randomUUID();
    const secret = `key-${randomUUID()}`;
    const { id } = await integrationService.createIntegration({
      institutionId,
      provider: 'IDUKAY',
      config: { institutionCode: 'x' },
      credentials: { apiKey: secret },
    });
    await integrationService.updateIntegration(id, { credentials: { apiKey: `${secret}-2` } });
    const events = await eventsOf(institutionId);
    expect(events[0]?.after).to.deep.equal({ credentials: '[replaced]' });
    expect(JSON.stringify(events)).not.to.contain(secret);
  });

  it('has no event of what was rolled back', async () => {
    const { database } = await sharedServices();
    const institutionId = randomUUID();
    const entry = { institutionId, action: 'a.b', objectType: 'STUDENT', objectId: '1' } as const;
    await database
      .transaction(async () => {
        await recordEvent(database, entry);
        throw new Error('no');
      })
      .catch(() => {});
    expect(await eventsOf(institutionId)).to.deep.equal([]);
  });

  it('tells who changed a field of a student, by a run, by a run of everything and by a call', async () => {
    const { auditService, integrationService, mappingService, rosterService } = await sharedServices();
    const { institutionId, integrationId, write } = await newSchool({ 'students.csv': STUDENTS });
    await onBehalfOf('192.0.2.1', () => integrationService.syncData(integrationId, 'ALL'));
    const { internalId } = await mappingService.getMappingByExternalId(
      integrationId,
      'STUDENT' as never,
      '1',
    );
    await write({ 'students.csv': STUDENTS.replace('ana@x.cl', 'ana2@x.cl') });
    await onBehalfOf('192.0.2.2', () => integrationService.syncData(integrationId, 'STUDENT' as never));
    await onBehalfOf('192.0.2.3', () =>
      rosterService.putStudent(institutionId, internalId, { email: 'ana3@x.cl' }),
    );
    await rosterService.putStudent(institutionId, internalId, { givenName: 'Anna' });
    const { items } = await auditService.listEntityChanges({
      institutionId,
      entityId: internalId,
      field: 'email',
    });
    expect(items.map(({ address, after, action }) => [address, after?.email, action])).to.deep.equal([
      ['192.0.2.3', 'ana3@x.cl', 'UPDATE'],
      ['192.0.2.2', 'ana2@x.cl', 'UPDATE'],
      ['192.0.2.1', 'ana@x.cl', 'CREATE'],
    ]);
    const all = await auditService.listEntityChanges({ institutionId, entityId: internalId, pageSize: 1 });
    expect(all.items.map(({ after }) => after?.givenName)).to.deep.equal(['Anna']);
    const { pageToken } = { pageToken: all.nextPageToken };
    const next = await auditService.listEntityChanges({ institutionId, entityId: internalId, pageToken });
    expect(next.items).to.have.length(3);
  });

  it('names whoever approved a plan rather than whoever started its run', async () => {
    const { auditService, integrationService, mappingService } = await sharedServices();
    const { institutionId, integrationId } = await newSchool({ 'students.csv': STUDENTS });
    const { runId } = await onBehalfOf('192.0.2.1', () =>
      integrationService.previewSync(integrationId, 'STUDENT' as never),
    );
    await onBehalfOf('192.0.2.2', () => integrationService.approveSync(integrationId, runId, 'as agreed'));
    const { internalId } = await mappingService.getMappingByExternalId(
      integrationId,
      'STUDENT' as never,
      '1',
    );
    const { items } = await auditService.listEntityChanges({ institutionId, entityId: internalId });
    expect(items.map(({ address, runId: by }) => [address, by])).to.deep.equal([['192.0.2.2', runId]]);
    expect((await eventsOf(institutionId, { runId })).map(({ action }) => action)).to.deep.equal([
      'sync_run.approved',
      'sync_run.started',
    ]);
  });

  it('keeps each mark that was recorded or corrected, and nothing of one that was said again', async () => {
    const { integrationService, mappingService } = await sharedServices();
    const school = await newSchool({
      'students.csv': 'id,nombres,curso\n1,Ana,1A\n2,Beto,1A\n',
    });
    await integrationService.syncData(school.integrationId, 'ALL');
    const session = await newSession(school, { group: '1A' }, { 1: 'PRESENT', 2: 'ABSENT' });
    await session.mark({ 1: 'PRESENT', 2: 'LATE' });
    await session.mark({ 1: 'PRESENT', 2: 'LATE' });
    const beto = await mappingService.getMappingByExternalId(school.integrationId, 'STUDENT' as never, '2');
    const events = await eventsOf(school.institutionId, { action: 'attendance.recorded' });
    expect(events).to.have.length(2);
    expect([events[0]?.before, events[0]?.after]).to.deep.equal([
      { [beto.internalId]: { status: 'ABSENT' } },
      { [beto.internalId]: { status: 'LATE' } },
    ]);
  });

  it('refuses to have an event changed or removed', async () => {
    const { database } = await sharedServices();
    const institutionId = await chain(1);
    for (const sql of [
      `UPDATE audit_events SET actor = 'x' WHERE institution_id = $1`,
      'DELETE FROM audit_events WHERE institution_id = $1',
    ]) {
      const refusal = await database.execute(sql, [institutionId]).catch((error: Error) => error);
      expect(refusal).to.have.property('message').that.contains('append-only');
    }
  });
});

describe('the chain of an institution’s audit', () => {
  it('is whole when nobody has touched it', async () => {
    const { auditService } = await sharedServices();
    const institutionId = await chain(5);
    const { events, problems, position, hash } = await auditService.verify(institutionId);
    expect({ events, problems, position }).to.deep.equal({ events: 5, problems: [], position: '5' });
    expect((await auditService.verify(institutionId, { position: '5', hash })).problems).to.deep.equal([]);
    expect(await auditService.verify(randomUUID())).to.include({ events: 0, position: '0' });
  });

  it('is whole when many write at once', async () => {
    const { auditService, database } = await sharedServices();
    const institutionId = randomUUID();
    const write = (nth: number) =>
      database.transaction(() =>
        recordEvent(database, { institutionId, action: 'a.b', objectType: 'STUDENT', objectId: String(nth) }),
      );
    await Promise.all(Array.from({ length: 30 }, (_, nth) => write(nth)));
    const { events, problems } = await auditService.verify(institutionId);
    expect({ events, problems }).to.deep.equal({ events: 30, problems: [] });
  });

  const CASES: [string, string, { position: string; kind: string }[]][] = [
    [
      'a changed value',
      `UPDATE audit_events SET after = '{"email": "x"}'`,
      [{ position: '3', kind: 'CHANGED' }],
    ],
    ['a changed actor', `UPDATE audit_events SET actor = 'nobody'`, [{ position: '3', kind: 'CHANGED' }]],
    [
      'a changed time',
      `UPDATE audit_events SET at = at - interval '1 s'`,
      [{ position: '3', kind: 'CHANGED' }],
    ],
    ['a removed event', 'DELETE FROM audit_events', [{ position: '3', kind: 'MISSING' }]],
  ];
  for (const [what, sql, expected] of CASES) {
    it(`finds ${what}`, async () => {
      const { auditService } = await sharedServices();
      const institutionId = await chain(5);
      await tamper(`${sql} WHERE institution_id = $1 AND position = 3`, [institutionId]);
      expect((await auditService.verify(institutionId)).problems).to.deep.equal(expected);
    });
  }

  it('finds two events that were exchanged', async () => {
    const { auditService } = await sharedServices();
    const institutionId = await chain(5);
    await tamper(
      `UPDATE audit_events SET position = CASE position WHEN 2 THEN 103 ELSE 102 END
       WHERE institution_id = $1 AND position IN (2, 3)`,
      [institutionId],
    );
    await tamper(
      'UPDATE audit_events SET position = position - 100 WHERE institution_id = $1 AND position > 100',
      [institutionId],
    );
    const { problems } = await auditService.verify(institutionId);
    expect(problems.map(({ position }) => position)).to.include.members(['2', '3']);
  });

  it('finds that its last events were cut off', async () => {
    const { auditService } = await sharedServices();
    const institutionId = await chain(5);
    await tamper('DELETE FROM audit_events WHERE institution_id = $1 AND position > 3', [institutionId]);
    expect((await auditService.verify(institutionId)).problems).to.deep.equal([
      { position: '4', kind: 'MISSING' },
      { position: '5', kind: 'MISSING' },
    ]);
  });

  it('finds that its last events were cut off with what tells which was the last', async () => {
    const { auditService } = await sharedServices();
    const institutionId = await chain(5);
    await tamper('DELETE FROM audit_events WHERE institution_id = $1 AND position > 3', [institutionId]);
    await tamper('DELETE FROM audit_heads WHERE institution_id = $1', [institutionId]);
    expect((await auditService.verify(institutionId)).problems).to.deep.equal([
      { position: '4', kind: 'MISSING' },
    ]);
  });

  for (const [where, position] of [
    ['behind its last one', 6],
    ['before its first one', 0],
  ] as const)
    it(`finds an event that was put in ${where}`, async () => {
      const { auditService } = await sharedServices();
      const institutionId = await chain(5);
      await tamper(
        `INSERT INTO audit_events SELECT (jsonb_populate_record(e, jsonb_build_object('position', $2::int))).*
         FROM audit_events e WHERE institution_id = $1 AND position = 5`,
        [institutionId, position],
      );
      const { problems } = await auditService.verify(institutionId);
      expect(problems).to.deep.equal([{ position: String(position), kind: 'CHANGED' }]);
    });

  it('finds by an anchor that the whole of it was written anew', async () => {
    const { auditService, database } = await sharedServices();
    const institutionId = await chain(3);
    const { position, hash } = await auditService.verify(institutionId);
    await tamper('DELETE FROM audit_events WHERE institution_id = $1', [institutionId]);
    await database.execute('DELETE FROM audit_heads WHERE institution_id = $1', [institutionId]);
    for (let nth = 0; nth < 3; nth++) {
      await recordEvent(database, { institutionId, action: 'a.b', objectType: 'STUDENT', objectId: '1' });
    }
    expect((await auditService.verify(institutionId)).problems).to.deep.equal([]);
    expect((await auditService.verify(institutionId, { position, hash })).problems).to.deep.equal([
      { position: '3', kind: 'ANCHOR_MISMATCH' },
    ]);
  });
});

describe('refused calls', () => {
  const refusal = {
    service: 'smartid.integrations.v1.IntegrationService',
    method: 'SyncData',
    institutionId: randomUUID(),
    integrationId: undefined,
    code: 'unauthenticated',
    message: 'The bearer token is not known.',
  };
  /** Events of calls from these addresses to a process that was called by nobody before. */
  async function writtenOf(addresses: readonly string[], now?: () => number) {
    const { database } = await sharedServices();
    const refusals = new Refusals(database, now);
    const [before] = await eventsOf(NO_INSTITUTION, { pageSize: 1 });
    for (const address of addresses) await onBehalfOf(address, () => refusals.record(refusal));
    const all = await eventsOf(NO_INSTITUTION, { refused: true, pageSize: 1_000 });
    const written = all.filter(({ position }) => BigInt(position) > BigInt(before?.position ?? 0));
    return { refusals, written };
  }

  it('without a token are written down once a minute for each address and method', async () => {
    const address = '192.0.2.17';
    const { written } = await writtenOf(Array.from({ length: 20 }, () => address));
    expect(written).to.have.length(1);
    expect(written[0]).to.include({
      actor: 'anonymous',
      address,
      outcome: 'unauthenticated',
      action: 'call.refused',
    });
    expect(await eventsOf(refusal.institutionId)).to.deep.equal([]);
  });

  it('without a token from one network of IPv6 are one address', async () => {
    const { written } = await writtenOf([
      '2001:db8:1:2::1',
      '2001:db8:1:2:ffff::7',
      '2001:0db8:1:2:3:4:5:6',
      '2001:db8:1:3::1',
      '::ffff:192.0.2.1',
      '::ffff:192.0.2.2',
    ]);
    expect(written.map(({ address }) => address)).to.have.members([
      '2001:db8:1:2::1',
      '2001:db8:1:3::1',
      '::ffff:192.0.2.1',
      '::ffff:192.0.2.2',
    ]);
  });

  it('without a token from any number of addresses are a hundred a minute, and the others are counted', async () => {
    let now = 0;
    const { refusals, written } = await writtenOf(
      Array.from({ length: 3_000 }, (_, nth) => `198.51.${nth >> 8}.${nth & 255}`),
      () => now,
    );
    expect(written).to.have.length(100);
    now += 60_000;
    await onBehalfOf('192.0.2.99', () => refusals.record(refusal));
    const [last] = await eventsOf(NO_INSTITUTION, { refused: true, pageSize: 1 });
    expect(last?.after).to.deep.equal({ leftOutOfOthers: 2_900 });
  });
});
