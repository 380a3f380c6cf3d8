import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { IntegrationProvider } from '../../src/connectors/index.js';
import { MappingEntityType } from '../../src/index.js';
import { IdukayGateway, makeIdukaySchool } from '../support/idukay/index.js';
import { type Listening, listenOn } from '../support/listen.js';
import { MoodleSimulator, makeMoodleSchool } from '../support/moodle/index.js';
import { newIntegration, sharedServices } from '../support/services.js';
import { signedHeadersOf } from '../support/telling-school.js';
import { until } from '../support/until.js';

const { COURSE, STUDENT } = MappingEntityType;
const open: Listening[] = [];
after(() => Promise.all(open.map((server) => server.close())));

/** How an integration is told of changes, and what comes of it. */
async function told(integrationId: string) {
  const { integrationService, webhookService, mappingService, rosterService } = await sharedServices();
  const { secret } = await webhookService.createWebhookSecret(integrationId);
  return {
    /** Sends a webhook, and waits for the end of its run, which is returned. */
    async tell(entityType: MappingEntityType, ...externalIds: string[]) {
      const webhookId = randomUUID();
      const text = JSON.stringify({ entityType, externalIds });
      const headers = signedHeadersOf(text, { webhookId, secret });
      await webhookService.receiveWebhook(integrationId, headers, Buffer.from(text));
      const webhook = () => webhookService.getReceivedWebhook(integrationId, webhookId);
      await until(async () => (await webhook()).status === 'DONE');
      const [runId] = (await webhook()).runIds;
      return integrationService.getSyncRun(integrationId, runId as string);
    },
    async student(institutionId: string, externalId: string) {
      const { internalId } = await mappingService.getMappingByExternalId(integrationId, STUDENT, externalId);
      return rosterService.getStudent(institutionId, internalId);
    },
    groupsOf: async (institutionId: string, externalId: string) => {
      const { internalId } = await mappingService.getMappingByExternalId(integrationId, STUDENT, externalId);
      const { items } = await rosterService.listMemberships({ institutionId });
      return items.filter(({ personId }) => personId === internalId).length;
    },
  };
}

describe('single entities that a webhook names', () => {
  describe('at IDUKAY', () => {
    async function school() {
      const idukay = new IdukayGateway({ lists: makeIdukaySchool({ students: 12, courses: 2 }) });
      const server = await listenOn(idukay.handle);
      open.push(server);
      const made = await newIntegration(
        IntegrationProvider.IDUKAY,
        { apiUrl: server.url, retryDelay: 0 },
        { apiKey: idukay.apiKey, institutionCode: idukay.institutionCode },
      );
      const { integrationService } = await sharedServices();
      await integrationService.syncData(made.integrationId);
      idukay.calls.length = 0;
      return { idukay, ...made, ...(await told(made.integrationId)) };
    }

    it('are asked for alone, with their groups; nobody else is read', async () => {
      const { idukay, institutionId, tell, student, groupsOf } = await school();
      const [first] = idukay.lists.estudiantes;
      Object.assign(first as object, { nombres: 'Otra', estado: 'RETIRADO' });
      idukay.lists.estudiantes.push({
        ...(first as object),
        id: 'EST-NEW',
        rut: '',
        email: '',
        nombres: 'Nueva',
        codigo_estudiante: 'N',
        estado: 'ACTIVO',
      } as never);
      idukay.lists.grupos?.[0]?.estudiantes?.push('EST-NEW');
      const run = await tell(STUDENT, 'EST-00001', 'EST-NEW');
      expect(run.counts).to.deep.include({ read: 2, created: 1, updated: 1, missing: 0 });
      expect(await student(institutionId, 'EST-00001')).to.deep.include({ givenName: 'Otra', active: false });
      expect(await groupsOf(institutionId, 'EST-NEW')).to.equal(1);
      expect(idukay.calls).to.deep.equal([
        'GET /instituciones/CSM/estudiantes/EST-00001',
        'GET /instituciones/CSM/grupos?page=1&per_page=100',
        'GET /instituciones/CSM/estudiantes/EST-NEW',
      ]);
    });

    it('count as missing when IDUKAY gave single records before and has this one no longer', async () => {
      const { idukay, tell } = await school();
      await tell(STUDENT, 'EST-00002');
      idukay.lists.estudiantes.shift();
      const run = await tell(STUDENT, 'EST-00001');
      expect(run.counts).to.deep.include({ read: 0, missing: 1, deactivated: 0 });
    });

    it('are looked for in the list where IDUKAY gives no single records', async () => {
      const { idukay, tell } = await school();
      idukay.vices.withoutSingles = true;
      const run = await tell(STUDENT, 'EST-00001');
      expect(run.counts).to.deep.include({ read: 12, unchanged: 12, missing: 0 });
    });
  });

  describe('at Moodle', () => {
    async function school(functions?: (all: string[]) => string[]) {
      const site = makeMoodleSchool({ courses: 4, students: 12, coursesPerStudent: 2 });
      const names = [
        'core_webservice_get_site_info',
        'core_course_get_courses',
        'core_course_get_courses_by_field',
        'core_enrol_get_enrolled_users',
        'core_enrol_get_users_courses',
        'core_user_get_users_by_field',
      ];
      const moodle = new MoodleSimulator(functions ? { ...site, functions: functions(names) } : site);
      const server = await listenOn(moodle.handle);
      open.push(server);
      const config = { apiUrl: server.url, suspensionHours: 0 };
      const made = await newIntegration(IntegrationProvider.MOODLE, config, { wsToken: moodle.token });
      const { integrationService } = await sharedServices();
      await integrationService.syncData(made.integrationId);
      moodle.calls.length = 0;
      const students = site.users.filter(({ username }) => username.startsWith('s'));
      return { moodle, site, students, ...made, ...(await told(made.integrationId)) };
    }

    it('are read in their own courses alone, with account and groups', async () => {
      const { moodle, site, students, institutionId, tell, student, groupsOf } = await school();
      const [ana] = students;
      Object.assign(ana as object, { firstname: 'Otra', suspended: true });
      const run = await tell(STUDENT, String(ana?.id));
      expect(run.counts).to.deep.include({ read: 1, updated: 1, missing: 0 });
      expect(await student(institutionId, String(ana?.id))).to.deep.include({
        givenName: 'Otra',
        active: false,
      });
      const read = moodle.calls.filter(({ wsfunction }) => wsfunction === 'core_enrol_get_enrolled_users');
      expect(new Set(read.map(({ params }) => params.courseid)).size).to.equal(2);
      site.users.push({
        ...(ana as object),
        id: 900,
        username: 's900',
        email: 's900@x.example',
        idnumber: '',
        suspended: false,
      } as never);
      const [course] = site.courses;
      course?.enrolments.push({
        userId: 900,
        roles: ['student'],
        groupIds: [course.groups?.[0]?.id as number],
      });
      expect((await tell(STUDENT, '900')).counts).to.deep.include({ read: 1, created: 1 });
      expect(await groupsOf(institutionId, '900')).to.equal(1);
    });

    it('are looked for in the lists of all courses where Moodle does not show them', async () => {
      const { site, students, tell } = await school();
      const [ana] = students;
      for (const course of site.courses)
        course.enrolments = course.enrolments.filter(({ userId }) => userId !== ana?.id);
      const run = await tell(STUDENT, String(ana?.id));
      expect(run.counts).to.deep.include({ read: 11, missing: 1 });
    });

    it('are looked for there too where the service lacks the function', async () => {
      const { students, tell } = await school((all) => all.filter((name) => !name.includes('users_courses')));
      expect((await tell(STUDENT, String(students[0]?.id))).counts).to.deep.include({ read: 12, missing: 0 });
    });

    it('that are courses count as missing once they are deleted, and not when they are hidden from the user', async () => {
      const { moodle, site, tell } = await school();
      const [first, second] = site.courses;
      moodle.vices.inaccessibleCourses.add(second?.id as number);
      const hidden = await tell(COURSE, String(second?.id));
      expect(hidden.counts.deactivated).to.equal(0);
      expect(hidden.evidence.gaps).to.not.deep.equal([]);
      moodle.vices.inaccessibleCourses.clear();
      site.courses.splice(site.courses.indexOf(first as never), 1);
      const gone = await tell(COURSE, String(first?.id));
      expect(gone.counts).to.deep.include({ read: 0, missing: 1, deactivated: 0 });
    });
  });
});
