import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { rest, sharedService } from '../support/service.js';

/** The paths of an institution of its own. */
async function institution() {
  const { url } = await sharedService();
  const id = randomUUID();
  return {
    id,
    call: (method: string, path: string, body?: unknown) =>
      rest(url, method, `/institutions/${id}${path}`, body),
  };
}

/** The fields that google.rpc.BadRequest names. */
function wrongFields(body: { details: { type: string; debug: { fieldViolations: { field: string }[] } }[] }) {
  const detail = body.details.find(({ type }) => type === 'google.rpc.BadRequest');
  return detail?.debug.fieldViolations.map(({ field }) => field);
}

describe('edits of the roster over REST', () => {
  it('PUT of a student puts it in with clean values, and the answer is the student', async () => {
    const { id: institutionId, call } = await institution();
    const id = randomUUID();
    const { status, body } = await call('PUT', `/students/${id}`, {
      nationalId: '12.345.678-5',
      givenName: ' Ana  María ',
      familyName: 'Soto',
      email: 'ana@x.cl',
      code: 'A-17',
      enrolledOn: '02/03/2026',
      birthDate: '2012-05-09',
      active: false,
    });
    expect(status).to.equal(200);
    expect(body).to.deep.equal({
      id,
      institutionId,
      nationalId: '12345678-5',
      givenName: 'Ana María',
      familyName: 'Soto',
      email: 'ana@x.cl',
      code: 'A-17',
      enrolledOn: '2026-03-02',
      birthDate: '2012-05-09',
      active: false,
      editedFields: [
        'active',
        'birthDate',
        'code',
        'email',
        'enrolledOn',
        'familyName',
        'givenName',
        'nationalId',
      ],
      metadata: {},
      createdAt: body.createdAt,
      updatedAt: body.updatedAt,
    });
    expect((await call('GET', `/students/${id}`)).body).to.deep.equal(body);
  });

  it('PUT of what is there changes the fields that are sent, clears those sent empty, and leaves the others', async () => {
    const { call } = await institution();
    const path = `/teachers/${randomUUID()}`;
    const { body: before } = await call('PUT', path, { givenName: 'Eva', email: 'eva@x.cl' });
    const { body: after } = await call('PUT', path, { email: '', code: 'T1' });
    const { email: _, ...kept } = before;
    const editedFields = ['code', 'email', 'givenName'];
    expect(after).to.deep.equal({ ...kept, code: 'T1', editedFields, updatedAt: after.updatedAt });
    expect((await call('PUT', path, { email: '', code: 'T1' })).body).to.deep.equal(after);
  });

  it('PUT of a course, and of a group of it', async () => {
    const { call } = await institution();
    const [course, group] = [randomUUID(), randomUUID()];
    const about = {
      name: 'Matemática',
      code: 'M1',
      grade: '1º',
      academicTerm: '2026',
      description: 'Números',
    };
    const put = await call('PUT', `/courses/${course}`, about);
    expect(put.body).to.deep.include({
      id: course,
      ...about,
      active: true,
      editedFields: Object.keys(about).sort(),
    });
    const section = { name: '1A', courseId: course, code: 'G1', academicTerm: '2026', active: true };
    const { body } = await call('PUT', `/groups/${group}`, section);
    expect(body).to.deep.include({ id: group, ...section, editedFields: Object.keys(section).sort() });
    expect((await call('PUT', `/groups/${group}`, { courseId: '' })).body).to.not.have.property('courseId');
  });

  it('PUT and DELETE of a member are 204, also when repeated', async () => {
    const { call } = await institution();
    const [group, student, teacher] = [randomUUID(), randomUUID(), randomUUID()];
    await call('PUT', `/groups/${group}`, { name: '1A' });
    await call('PUT', `/students/${student}`, { givenName: 'Ana' });
    await call('PUT', `/teachers/${teacher}`, { givenName: 'Eva' });
    const members = { students: `STUDENT/${student}`, teachers: `TEACHER/${teacher}` };
    for (const [people, member] of Object.entries(members)) {
      const count = async () => (await call('GET', `/${people}?groupId=${group}`)).body.length;
      for (const [method, left] of [
        ['PUT', 1],
        ['PUT', 1],
        ['DELETE', 0],
        ['DELETE', 0],
      ] as const) {
        const { status, body } = await call(method, `/groups/${group}/members/${member}`);
        expect([status, body, await count()], `${method} ${people}`).to.deep.equal([204, undefined, left]);
      }
    }
  });

  const group = randomUUID();
  const WRONG: [what: string, path: string, body: object | undefined, fields: string[]][] = [
    [
      'bad values',
      '/students/',
      { givenName: 'Ana', email: 'ana@', nationalId: '12345678-9' },
      ['nationalId', 'email'],
    ],
    [
      'days that are none',
      '/students/',
      { givenName: 'Ana', enrolledOn: '31/02/2026', birthDate: 'x' },
      ['enrolledOn', 'birthDate'],
    ],
    ['a new person without a name', '/teachers/', { code: 'T1' }, ['givenName']],
    ['a new course without a name', '/courses/', {}, ['name']],
    ['a course that is no UUID', '/groups/', { name: '1A', courseId: '7' }, ['courseId']],
    ['a course that is not there', '/groups/', { name: '1A', courseId: randomUUID() }, ['courseId']],
    [
      'a member and a group that are not there',
      `/groups/${group}/members/STUDENT/`,
      undefined,
      ['groupId', 'personId'],
    ],
    ['a role that is none', `/groups/${group}/members/PARENT/`, undefined, ['role']],
  ];
  for (const [what, path, edit, fields] of WRONG) {
    it(`${what}: 400 that names ${fields.join(' and ')}, and nothing is stored`, async () => {
      const { call } = await institution();
      const { status, body } = await call('PUT', path + randomUUID(), edit);
      expect([status, body.code, wrongFields(body)]).to.deep.equal([400, 'invalid_argument', fields]);
      expect((await call('GET', '/roster-changes')).body.changes).to.deep.equal([]);
    });
  }

  it('stand in GET roster-changes in their order, without a run', async () => {
    const { call } = await institution();
    const [group, student] = [randomUUID(), randomUUID()];
    const member = `/groups/${group}/members/STUDENT/${student}`;
    await call('PUT', `/groups/${group}`, { name: '1A' });
    await call('PUT', `/students/${student}`, { givenName: 'Ana' });
    await call('PUT', member);
    await call('PUT', `/students/${student}`, { givenName: 'Anita' });
    await call('DELETE', member);
    const { changes } = (await call('GET', '/roster-changes')).body as { changes: { changedAt: string }[] };
    const membership = { groupId: group, personId: student, role: 'STUDENT' };
    const edit = (entity: string, action: string, entityId: string, values: object) => ({
      runId: '',
      entity,
      action,
      entityId,
      ...values,
    });
    expect(changes.map(({ changedAt: _, ...change }) => change)).to.deep.equal([
      edit('GROUP', 'CREATE', group, { after: { name: '1A' } }),
      edit('STUDENT', 'CREATE', student, { after: { givenName: 'Ana' } }),
      edit('MEMBERSHIP', 'CREATE', student, { after: membership }),
      edit('STUDENT', 'UPDATE', student, { before: { givenName: 'Ana' }, after: { givenName: 'Anita' } }),
      edit('MEMBERSHIP', 'DELETE', student, { before: membership }),
    ]);
  });
});
