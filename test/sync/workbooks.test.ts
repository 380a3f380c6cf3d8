import { expect } from 'chai';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from '../support/services.js';
import { writeWorkbook } from '../support/workbook.js';

const { GROUP, STUDENT } = MappingEntityType;

describe('a school in workbooks', () => {
  const groups = [
    ['id', 'nombre'],
    ['G1', '1A'],
  ];
  const students = [
    ['Colegio San Martín'],
    ['id', 'rut', 'nombres', 'apellidos', 'grupo_id'],
    [1, null, 'Ana', 'Soto', 'G1'],
    [2, null, 'José', 'Díaz', 'G1'],
    [2, null, 'Eva', 'Paz', 'G1'],
    [4, null, 'Luz', 'Vera', 'G9'],
  ];

  it('is synced from one with a sheet for each list, and its failed rows come back as CSV to correct', async () => {
    const { integrationService, database } = await sharedServices();
    const workbook = await writeWorkbook({
      sheets: [
        { name: 'Cursos', rows: groups },
        { name: 'Alumnos', rows: students },
      ],
    });
    const school = await newSchool(
      { 'colegio.xlsx': workbook },
      {
        files: { students: 'colegio.xlsx', groups: 'colegio.xlsx', teachers: 'none', courses: 'none' },
        sheet: { students: 'Alumnos', groups: 'Cursos' },
      },
    );
    await integrationService.syncData(school.integrationId, GROUP);
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    const [{ count }] = (await database.query<{ count: string }>(
      'SELECT count(*) FROM memberships WHERE institution_id = $1',
      [school.institutionId],
    )) as [{ count: string }];
    expect(Number(count)).to.equal(2);
    const { items } = await integrationService.listSyncIssues(school.integrationId, report.runId, {});
    const places = items
      .filter(({ severity }) => severity === 'ERROR')
      .map(({ file, line, value }) => `${file} ${line} ${value}`);
    expect(places).to.have.members(['colegio.xlsx (Alumnos) 5 2', 'colegio.xlsx (Alumnos) 6 G9']);
    const failed = await integrationService.exportSyncIssues(school.integrationId, report.runId);
    expect(failed.fileName).to.equal('colegio-errors.csv');
    const lines = Buffer.from(failed.content).toString().split(/\r?\n/);
    expect(lines[0]).to.equal('\uFEFFid;rut;nombres;apellidos;grupo_id;error');
    expect(lines[1]).to.match(/^2;;Eva;Paz;G1;/);
    expect(lines[2]).to.match(/^4;;Luz;Vera;G9;/);
  });

  it('is tested by what its sheets hold, and keeps who is there when a workbook takes the place of a CSV file', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool({ 'students.csv': 'id,nombres,apellidos\n1,Ana,Soto\n2,José,Díaz\n' });
    await integrationService.syncData(school.integrationId, STUDENT);
    await school.remove('students.csv');
    const rows = students.slice(0, 4).map((row) => row.slice(0, 4));
    await school.write({ 'students.xlsx': await writeWorkbook({ sheets: [{ name: 'Nómina', rows }] }) });
    const test = await integrationService.testConnection(school.integrationId);
    expect(test.checks?.find(({ name }) => name === 'students.xlsx')?.message).to.match(
      /^students\.xlsx: \d kB.*, sheet "Nómina"; columns id → externalId.*the header is on line 2/,
    );
    const report = await integrationService.syncData(school.integrationId, STUDENT);
    expect(report).to.deep.include({ success: true, status: 'COMPLETED' });
    expect(report.counts).to.deep.include({ read: 2, created: 0 });
  });
});
