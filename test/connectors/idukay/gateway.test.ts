import { expect } from 'chai';
import { IntegrationProvider, MappingEntityType } from '../../../src/connectors/index.js';
import { type GatewayOptions, IdukayGateway, makeIdukaySchool } from '../../support/idukay/index.js';
import { type Listening, listenOn } from '../../support/listen.js';
import { newIntegration, newSession, sharedServices } from '../../support/services.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
const open: Listening[] = [];

after(() => Promise.all(open.map((server) => server.close())));

async function school(
  options: Partial<GatewayOptions> & { config?: object; credentials?: object; students?: number } = {},
) {
  const lists = options.lists ?? makeIdukaySchool({ students: options.students ?? 12, courses: 3 });
  const idukay = new IdukayGateway({ ...options, lists });
  const server = await listenOn(idukay.handle);
  open.push(server);
  const { apiKey, institutionCode } = idukay;
  const integration = await newIntegration(
    IntegrationProvider.IDUKAY,
    { apiUrl: server.url, retryDelay: 0, ...options.config },
    options.credentials ?? { apiKey, institutionCode, ...(options.secret && { secret: options.secret }) },
  );
  const { integrationService } = await sharedServices();
  const { integrationId } = integration;
  return {
    idukay,
    ...integration,
    sync: (type: MappingEntityType) => integrationService.syncData(integrationId, type),
    test: () => integrationService.testConnection(integrationId),
    send: (sessionId: string) => integrationService.sendAttendance(integrationId, sessionId),
    deliveries: async (sessionId: string) =>
      (await integrationService.listDeliveries(integrationId, { sessionId })).items,
    issues: async (runId: string) =>
      (await integrationService.listSyncIssues(integrationId, runId)).items.map(({ rule }) => rule),
  };
}

describe('IDUKAY by its gateway', () => {
  it('brings courses, groups, teachers and students with who is in which group, page by page', async () => {
    const { sync, idukay, institutionId } = await school({ config: { pageSize: 5 } });
    expect((await sync(COURSE)).counts).to.deep.include({ read: 3, created: 3 });
    expect((await sync(TEACHER)).counts).to.deep.include({ read: 3, created: 3 });
    expect((await sync(GROUP)).counts).to.deep.include({ read: 3, created: 3 });
    const students = await sync(STUDENT);
    expect(students).to.deep.include({ success: true, errorCount: 0, warningCount: 0 });
    expect(students.counts).to.deep.include({ read: 12, created: 12 });
    expect(students.membershipCounts).to.deep.include({ read: 12, created: 12 });
    expect(idukay.calls.filter((call) => call.includes('/estudiantes'))).to.deep.equal([
      'GET /instituciones/CSM/estudiantes?page=1&per_page=5',
      'GET /instituciones/CSM/estudiantes?page=2&per_page=5',
      'GET /instituciones/CSM/estudiantes?page=3&per_page=5',
      'GET /instituciones/CSM/estudiantes?page=1&per_page=1000',
    ]);
    const { rosterService } = await sharedServices();
    const [student] = (await rosterService.listStudents({ institutionId })).items.filter(
      ({ code }) => code === '00001',
    );
    expect(student).to.deep.include({
      givenName: 'Ana',
      familyName: 'Soto 1',
      enrolledOn: '2026-03-01',
      active: true,
    });
    expect(student?.metadata).to.deep.equal({ cursoId: 'CUR-1' });
    expect((await sync(STUDENT)).counts).to.deep.include({ unchanged: 12, created: 0, updated: 0 });
  });

  it('RETIRADO and INACTIVO come in as inactive', async () => {
    const lists = makeIdukaySchool({ students: 3, courses: 1 });
    Object.assign(lists.estudiantes[0] as object, { estado: 'RETIRADO' });
    Object.assign(lists.estudiantes[1] as object, { estado: 'INACTIVO' });
    const { sync, institutionId } = await school({ lists });
    await sync(STUDENT);
    const { rosterService } = await sharedServices();
    const active = (await rosterService.listStudents({ institutionId })).items.filter(
      (student) => student.active,
    );
    expect(active.map(({ code }) => code)).to.deep.equal(['00003']);
  });

  it('a number of page rows that is an exact multiple ends without another page', async () => {
    const { sync, idukay } = await school({ students: 10, config: { pageSize: 5 } });
    expect((await sync(STUDENT)).counts.read).to.equal(10);
    expect(idukay.calls.filter((call) => /\/estudiantes.*per_page=5$/.test(call))).to.have.length(2);
  });

  it('a list of one page is read by one call', async () => {
    const { sync, idukay } = await school({ students: 10 });
    expect((await sync(STUDENT)).counts.read).to.equal(10);
    expect(idukay.calls.filter((call) => call.includes('/estudiantes'))).to.have.length(1);
  });

  it('a declared total that is not reached is a failure, and nothing is changed', async () => {
    const { sync, idukay, institutionId } = await school();
    idukay.vices.overstate = 3;
    const report = await sync(STUDENT);
    expect(report.success).to.equal(false);
    expect(report.errors[0]).to.match(/declares 15 estudiantes and gave 12/);
    const { rosterService } = await sharedServices();
    expect((await rosterService.listStudents({ institutionId })).items).to.deep.equal([]);
  });

  it('lists that are not offered are one warning, not a failure', async () => {
    const { estudiantes, cursos } = makeIdukaySchool({ students: 2, courses: 1 });
    const { sync, test, issues } = await school({ lists: { estudiantes, cursos } });
    const report = await sync(TEACHER);
    expect(report).to.deep.include({ success: true, synced: 0 });
    expect(await issues(report.runId)).to.deep.equal(['list.not_offered']);
    expect(await test()).to.deep.include({ success: true });
  });

  it('a record that is none is an error of its own, and the others come in', async () => {
    const lists = makeIdukaySchool({ students: 3, courses: 1 });
    lists.estudiantes[1] = 'nonsense' as never;
    const { sync, issues } = await school({ lists });
    const report = await sync(STUDENT);
    expect(report.counts).to.deep.include({ read: 3, created: 2, failed: 1 });
    expect(await issues(report.runId)).to.include('record.unreadable');
  });

  it('the institution code may stand in the config, and a secret goes along', async () => {
    const { test } = await school({
      secret: 'sesame',
      config: { institutionCode: 'CSM' },
      credentials: { apiKey: 'key-of-the-school', secret: 'sesame' },
    });
    expect(await test()).to.deep.include({ success: true });
    const without = await school({ credentials: { apiKey: 'key-of-the-school' } });
    expect((await without.test()).message).to.match(/credentials\.institutionCode is required/);
  });

  const REFUSALS: [what: string, arrange: (idukay: IdukayGateway) => unknown, message: RegExp][] = [
    [
      'a refused key',
      ({ vices }) => Object.assign(vices, { keyState: 'refused' }),
      /refused the API key.*\(401 INVALID_API_KEY: La API key no es válida\)/,
    ],
    [
      'a key of another institution',
      ({ vices }) => Object.assign(vices, { keyState: 'forbidden' }),
      /does not let this API key.*\(403 FORBIDDEN/,
    ],
    [
      'a failure with status 200',
      ({ vices }) => Object.assign(vices, { failing: true }),
      /failed \(UNAVAILABLE: Intente más tarde\)/,
    ],
  ];
  for (const [what, arrange, message] of REFUSALS) {
    it(`${what} is said in the words of IDUKAY, in a test and in a sync`, async () => {
      const { idukay, test, sync } = await school();
      arrange(idukay);
      expect((await test()).message)
        .to.match(message)
        .and.not.contain(idukay.apiKey);
      expect((await sync(STUDENT)).errors[0]).to.match(message);
    });
  }
});

describe('attendance to IDUKAY', () => {
  async function taught(students: number) {
    const made = await school({ students });
    for (const type of [COURSE, GROUP, STUDENT]) await made.sync(type);
    const ids = made.idukay.lists.estudiantes.map(({ id }) => String(id));
    const session = await newSession(
      made,
      { course: 'CUR-1' },
      Object.fromEntries(ids.map((id) => [id, 'PRESENT'] as const)),
    );
    return { ...made, session };
  }

  it('goes in batches of 100, in the words of IDUKAY', async () => {
    const { send, session, idukay, deliveries } = await taught(230);
    await session.mark({ 'EST-00002': 'LATE', 'EST-00003': 'ABSENT', 'EST-00004': 'EXCUSED' });
    expect(await send(session.id)).to.deep.equal({
      success: true,
      sent: 230,
      confirmed: 0,
      unchanged: 0,
      errors: [],
    });
    expect(idukay.batches).to.deep.equal([100, 100, 30]);
    const states = [...idukay.marks.values()]
      .filter(({ estudiante_id: id }) => id <= 'EST-00004')
      .map(({ estado }) => estado);
    expect(states).to.have.members(['PRESENTE', 'ATRASADO', 'AUSENTE', 'JUSTIFICADO']);
    expect([...idukay.marks.values()][0]).to.deep.include({
      curso_id: 'CUR-1',
      fecha: '2026-03-02',
      hora_inicio: '2026-03-02T11:00:00.000Z',
      hora_fin: '2026-03-02T12:30:00.000Z',
      metadata: { sesion_id: session.id },
    });
    expect(new Set((await deliveries(session.id)).map(({ status }) => status))).to.deep.equal(
      new Set(['SENT']),
    );
  });

  it('that echoes its key as a reason gets it into no answer, delivery, state or table', async () => {
    const apiKey = 'Kx/9+clave secreta=="71"';
    const { idukay, integrationId, sync, send, deliveries, ...rest } = await school({ apiKey });
    for (const type of [COURSE, GROUP, STUDENT]) await sync(type);
    const made = { ...rest, integrationId };
    const session = await newSession(made, { course: 'CUR-1' }, { 'EST-00001': 'PRESENT' });
    idukay.vices.refused.add('EST-00001');
    for (const echo of [
      apiKey,
      encodeURIComponent(apiKey),
      JSON.stringify(apiKey),
      Buffer.from(`x:${apiKey}`).toString('base64'),
      Buffer.from(apiKey).toString('hex'),
      apiKey.slice(3, 14),
    ]) {
      idukay.vices.reason = `la clave ${echo} no sirve`;
      const { errors } = await send(session.id);
      const { integrationService, database } = await sharedServices();
      const told = JSON.stringify([
        errors,
        await deliveries(session.id),
        await integrationService.getIntegration(integrationId),
        await database.query('SELECT * FROM outbox_deliveries WHERE integration_id = $1', [integrationId]),
      ]);
      expect(errors.join()).to.match(/la clave \S*\*\*\*\S* no sirve/);
      for (let at = 0; at + 8 <= echo.length; at++)
        expect(told).not.to.contain(JSON.stringify(echo.slice(at, at + 8)).slice(1, -1));
    }
  });

  it('tells who was refused, and sends only those again', async () => {
    const { send, session, idukay, deliveries } = await taught(5);
    idukay.vices.refused.add('EST-00004');
    const first = await send(session.id);
    expect(first).to.deep.include({ success: false, sent: 4 });
    expect(first.errors).to.have.length(1);
    expect(first.errors[0]).to.match(
      /^student Pérez 4, Iñaki \(.*\): IDUKAY refused the mark: Período cerrado\.$/,
    );
    idukay.vices.refused.clear();
    expect(await send(session.id)).to.deep.include({ success: true, sent: 1, unchanged: 4 });
    expect(idukay.batches).to.deep.equal([5, 1]);
    expect((await deliveries(session.id)).map(({ attempts }) => attempts).sort()).to.deep.equal([
      1, 1, 1, 1, 2,
    ]);
  });

  it('a batch that fails stops the sending; those before it are not sent again', async () => {
    const { send, session, idukay, integrationId } = await taught(150);
    const handle = idukay.handle;
    let posts = 0;
    const server = await listenOn((request, response) => {
      if (request.method === 'POST' && ++posts === 2) return void response.destroy();
      handle(request, response);
    });
    open.push(server);
    const { integrationService } = await sharedServices();
    await integrationService.updateIntegration(integrationId, { config: { apiUrl: server.url } });
    const first = await send(session.id);
    expect(first).to.deep.include({ success: false, sent: 100 });
    expect(first.errors).to.have.length(1);
    expect(first.errors[0]).to.match(/could not be reached.*the connection broke/);
    expect(await send(session.id)).to.deep.include({ success: true, sent: 50, unchanged: 100 });
    expect(idukay.marks.size).to.equal(150);
  });

  it('of a session without a mapped course it says what to do', async () => {
    const made = await school();
    await made.sync(GROUP);
    await made.sync(STUDENT);
    const session = await newSession(made, { group: 'GRU-1' }, { 'EST-00001': 'PRESENT' });
    expect((await made.send(session.id)).errors[0]).to.match(
      /no course that is mapped.*Sync COURSE and GROUP first/,
    );
  });
});
