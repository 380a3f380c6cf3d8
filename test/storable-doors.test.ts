import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MappingEntityType } from '../src/index.js';
import { rest, sharedService } from './support/service.js';
import { newSchool, newSession, sharedServices } from './support/services.js';

const ODD = { 'a NUL character': 'a\0b', 'half of a character': 'a\uD800b' };

describe('a text that PostgreSQL cannot store', () => {
  for (const [what, odd] of Object.entries(ODD)) {
    it(`is refused by name in every request over REST, and never an internal error: ${what}`, async () => {
      const { url } = await sharedService();
      const [institution, session, id] = [randomUUID(), randomUUID(), randomUUID()];
      const config = { importPath: odd };
      const at = { startsAt: '2026-03-02T11:00:00Z', endsAt: '2026-03-02T12:00:00Z' };
      const calls: [method: string, path: string, body: object, field: string][] = [
        [
          'POST',
          '/integrations',
          { institutionId: institution, provider: 'GENERIC_CSV', config },
          'config.importPath',
        ],
        [
          'POST',
          '/integrations',
          { institutionId: institution, provider: 'GENERIC_CSV', config: { [odd]: 1 } },
          'config.',
        ],
        ['POST', '/integrations', { institutionId: institution, provider: odd, config: {} }, 'provider'],
        ['PATCH', `/integrations/${id}`, { credentials: { token: odd } }, 'credentials.token'],
        ['PATCH', `/integrations/${id}`, { policy: { a: [{ b: odd }] } }, 'policy.a[0].b'],
        ['POST', `/integrations/${id}/sync`, { guard: { reason: odd } }, 'guard.reason'],
        ['POST', `/integrations/${id}/runs/${id}/approve`, { reason: odd }, 'reason'],
        ['POST', `/integrations/${id}/runs/${id}/discard`, { reason: odd }, 'reason'],
        [
          'POST',
          `/integrations/${id}/mappings/rekey`,
          { entityType: 'STUDENT', externalId: odd, newExternalId: 'b' },
          'externalId',
        ],
        [
          'POST',
          `/integrations/${id}/mappings/unlink`,
          { entityType: 'STUDENT', externalId: 'b', reason: odd },
          'reason',
        ],
        ['PUT', `/institutions/${institution}/students/${id}`, { givenName: odd }, 'givenName'],
        [
          'PUT',
          `/institutions/${institution}/class-sessions/${session}`,
          { groupId: id, topic: odd, ...at },
          'session.topic',
        ],
        [
          'POST',
          `/institutions/${institution}/class-sessions/${session}/attendance`,
          { records: [{ studentId: id, status: 'PRESENT', remarks: odd }] },
          'records[0].remarks',
        ],
      ];
      for (const [method, path, body, field] of calls) {
        const { status, body: answer } = await rest(url, method, path, body);
        expect(status, `${method} ${path} ${JSON.stringify(answer)}`).to.equal(400);
        expect(answer.code, path).to.equal('invalid_argument');
        expect(answer.message, path).to.contain(field).and.to.contain('cannot be stored');
      }
    });

    it(`is refused by the library as well: ${what}`, async () => {
      const { integrationService, rosterService, mappingService } = await sharedServices();
      const school = await newSchool({
        'groups.csv': 'id,nombre\nG1,1A\n',
        'students.csv': 'id,nombres,grupo\n1,Ana,G1\n',
      });
      const { integrationId, institutionId } = school;
      const { runId } = await integrationService.syncData(integrationId);
      const { id } = await newSession(school, { group: 'G1' }, { 1: 'PRESENT' });
      const { session } = await rosterService.getClassSession(institutionId, id);
      const { records } = await rosterService.getClassSession(institutionId, id);
      const repair = { integrationId, entityType: MappingEntityType.STUDENT, externalId: '1' };
      const calls: Record<string, () => Promise<unknown>> = {
        topic: () => rosterService.putClassSession({ ...session, topic: odd }),
        remarks: () =>
          rosterService.recordAttendance(
            institutionId,
            id,
            records.map((record) => ({ ...record, remarks: odd })),
          ),
        config: () => integrationService.updateIntegration(integrationId, { config: { s3Prefix: odd } }),
        guard: () => integrationService.syncData(integrationId, 'ALL', { guard: { reason: odd } }),
        reason: () => integrationService.approveSync(integrationId, runId, odd),
        discarding: () => integrationService.discardSync(integrationId, runId, odd),
        repairing: () => mappingService.repairs.unlink({ ...repair, reason: odd }),
        file: () => integrationService.exportSyncIssues(integrationId, runId, { file: odd }),
      };
      for (const [name, call] of Object.entries(calls)) {
        const error = await call().catch((thrown: unknown) => thrown);
        expect(error, name).to.include({ code: 'invalid_argument', reason: 'UNSTORABLE_TEXT' });
      }
      expect((await rosterService.getClassSession(institutionId, id)).session.topic).to.equal(null);
    });
  }
});
