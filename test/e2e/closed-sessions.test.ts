import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { freshDatabaseUrl } from '../support/database.js';
import { layEmbeddedDatabase } from '../support/embedded-template.js';
import { IdukayGateway, makeIdukaySchool } from '../support/idukay/index.js';
import { listenOn } from '../support/listen.js';
import { rest, startService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { until } from '../support/until.js';

const STUDENTS = 150;

describe('a process that is killed while the attendance of a closed session leaves', () => {
  it('loses nothing: another sends the rest by itself', async () => {
    const lists = makeIdukaySchool({ students: STUDENTS, courses: 1 });
    const gateway = new IdukayGateway({ lists });
    let isHeld = false;
    let isKilled = false;
    const school = await listenOn((request, response) => {
      // The second batch gets no answer.
      isHeld ||= request.method === 'POST' && gateway.batches.length === 1;
      if (isKilled || !isHeld) gateway.handle(request, response);
    });
    const dataDir = await tempFolder();
    const databaseUrl = await freshDatabaseUrl();
    if (!databaseUrl) await layEmbeddedDatabase(dataDir);
    const start = () => startService({ dataDir, env: databaseUrl ? { DATABASE_URL: databaseUrl } : {} });

    const first = await start();
    const institutionId = randomUUID();
    const { body: made } = await rest(first.url, 'POST', '/integrations', {
      institutionId,
      provider: 'IDUKAY',
      config: { apiUrl: school.url, pageSize: 500 },
      credentials: { apiKey: gateway.apiKey, institutionCode: gateway.institutionCode },
    });
    const integration = `/integrations/${made.id}`;
    for (const entityType of ['COURSE', 'STUDENT'])
      await rest(first.url, 'POST', `${integration}/sync`, { entityType });
    const { body: course } = await rest(first.url, 'GET', `${integration}/mappings/COURSE/external/CUR-1`);
    const { body: mappings } = await rest(first.url, 'GET', `${integration}/mappings?entityType=STUDENT`);
    const session = `/institutions/${institutionId}/class-sessions/${randomUUID()}`;
    await rest(first.url, 'PUT', session, {
      courseId: course.internalId,
      startsAt: '2026-03-02T11:00:00Z',
      endsAt: '2026-03-02T12:30:00Z',
    });
    await rest(first.url, 'POST', `${session}/attendance`, {
      records: mappings.map(({ internalId }: { internalId: string }) => ({
        studentId: internalId,
        status: 'PRESENT',
      })),
    });
    const closed = await rest(first.url, 'POST', `${session}/close`, {});
    expect(closed.status).to.equal(200);
    expect(closed.body.integrationIds).to.deep.equal([made.id]);
    expect(closed.body.session.closedAt).to.match(/^\d{4}-/);
    await until(() => isHeld);
    await first.stop('SIGKILL');
    isKilled = true;

    const second = await start();
    const sent = async () =>
      (await rest(second.url, 'GET', `${integration}/deliveries?status=SENT&pageSize=200`)).body.length;
    await until(async () => (await sent()) === STUDENTS);
    expect(gateway.marks.size).to.equal(STUDENTS);
    expect((await rest(second.url, 'GET', session)).body.session.closedAt).to.equal(
      closed.body.session.closedAt,
    );
    await second.stop();
    await school.close();
  });
});
