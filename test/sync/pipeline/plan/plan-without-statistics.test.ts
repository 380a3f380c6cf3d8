import { expect } from 'chai';
import { writeSchool } from '../../../../bench/plan/school-files.js';
import { forgetStatistics } from '../../../../bench/plan/statistics.js';
import { MappingEntityType } from '../../../../src/index.js';
import { newSchool, sharedServices } from '../../../support/services.js';

const { GROUP, STUDENT } = MappingEntityType;
/** Some 50 ms; with nested loops 7 seconds and more. The rest is for machines that are busy. */
const MAX_PLAN_MS = 2_000;

describe('a database without statistics', () => {
  for (const changed of [false, true]) {
    it(`has the plan of 300 people with 450 memberships, ${changed ? 'some' : 'none'} changed, ready at once`, async () => {
      const { integrationService, database } = await sharedServices();
      const { integrationId, folder } = await newSchool();
      await writeSchool(folder, 300);
      for (const type of [GROUP, STUDENT]) await integrationService.syncData(integrationId, type);
      await writeSchool(folder, 300, { changed });
      await forgetStatistics(database);
      const report = await integrationService.syncData(integrationId, STUDENT);
      expect(report.counts).to.deep.include({ read: 300, updated: changed ? 3 : 0 });
      expect(report.membershipCounts).to.deep.include({
        read: 450,
        created: changed ? 3 : 0,
        deactivated: changed ? 3 : 0,
      });
      const { timings } = await integrationService.getSyncRun(integrationId, report.runId);
      expect(timings.planMs).to.be.below(MAX_PLAN_MS);
      expect(timings.applyMs).to.be.below(MAX_PLAN_MS);
    });
  }
});
