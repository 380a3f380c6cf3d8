import { expect } from 'chai';
import { IntegrationProvider, MappingEntityType } from '../../../src/connectors/index.js';
import { IdukayTokenApi, type TokenMember } from '../../support/idukay/index.js';
import { type Listening, listenOn } from '../../support/listen.js';
import { newIntegration, sharedServices } from '../../support/services.js';

const { COURSE, STUDENT, TEACHER } = MappingEntityType;
const open: Listening[] = [];
const hex = (n: number) => n.toString(16).padStart(24, '0');

after(() => Promise.all(open.map((server) => server.close())));

const STUDENTS: TokenMember[] = [
  {
    _id: hex(1),
    years: [
      { year: '2025', registered: false },
      { year: '2026', registered: true },
    ],
    user: {
      _id: hex(101),
      id_card: '1710034065',
      birthday: Date.UTC(2012, 4, 17) / 1_000,
      name: 'Ana',
      second_name: 'María',
      surname: 'Soto',
      second_surname: 'Paz',
      email: 'ana@colegio.example',
    },
  },
  {
    _id: hex(2),
    years: [{ year: '2026', registered: false }],
    user: { _id: hex(102), name: 'Iván', surname: 'Ríos' },
  },
  { _id: hex(3) },
];
const STAFF: TokenMember[] = [{ _id: hex(9), user: { _id: hex(109), name: 'Eva', surname: 'Díaz' } }];

async function school(token?: string) {
  const idukay = new IdukayTokenApi({ students: STUDENTS, staff: STAFF });
  const server = await listenOn(idukay.handle);
  open.push(server);
  const config = { apiUrl: server.url, dialect: 'token' };
  const integration = await newIntegration(IntegrationProvider.IDUKAY, config, {
    apiKey: token ?? idukay.token,
  });
  return { idukay, ...integration };
}

describe('IDUKAY by its own API', () => {
  it('brings students and staff; birthdays are seconds, who is not registered this year is inactive', async () => {
    const { idukay, integrationId, institutionId } = await school();
    const { integrationService, rosterService } = await sharedServices();
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report.counts).to.deep.include({ read: 3, created: 2, failed: 1 });
    expect(report.errors[0]).to.match(/record 3 is not what IDUKAY documents/);
    const people = (await rosterService.listStudents({ institutionId })).items;
    expect(people.find(({ givenName }) => givenName === 'Ana María')).to.deep.include({
      familyName: 'Soto Paz',
      nationalId: '1710034065',
      birthDate: '2012-05-17',
      active: true,
    });
    expect(people.find(({ givenName }) => givenName === 'Iván')?.active).to.equal(false);
    expect(report.mappings.map(({ externalId }) => externalId)).to.have.members([hex(101), hex(102)]);
    expect((await integrationService.syncData(integrationId, TEACHER)).counts.created).to.equal(1);
    expect(idukay.calls[0]).to.equal('GET /api/students?select=_id+years+user&populate=true');
  });

  it('errors with status 200 are a failure, in its own words', async () => {
    const { idukay, integrationId } = await school();
    const { integrationService } = await sharedServices();
    idukay.errors = [{ message: 'Demasiadas consultas' }];
    const report = await integrationService.syncData(integrationId, STUDENT);
    expect(report.success).to.equal(false);
    expect(report.errors[0]).to.match(/with errors: .*Demasiadas consultas/);
    expect((await integrationService.testConnection(integrationId)).success).to.equal(false);
  });

  it('a wrong token fails the test, and does not show', async () => {
    const { integrationId } = await school('wrong-token');
    const { integrationService } = await sharedServices();
    const report = await integrationService.testConnection(integrationId);
    expect(report.message)
      .to.match(/Token inválido.*credentials\.apiKey/)
      .and.not.contain('wrong-token');
  });

  it('has neither courses nor attendance: that is said before anything is called', async () => {
    const { idukay, integrationId } = await school();
    const { integrationService } = await sharedServices();
    const codeOf = (call: Promise<unknown>) =>
      call.then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
    expect(await codeOf(integrationService.syncData(integrationId, COURSE))).to.equal('unimplemented');
    expect(
      await codeOf(integrationService.sendAttendance(integrationId, '00000000-0000-4000-8000-000000000001')),
    ).to.equal('unimplemented');
    expect(idukay.calls).to.deep.equal([]);
  });
});
