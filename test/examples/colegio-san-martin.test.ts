import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { generateSchool } from '../../examples/colegio-san-martin/school.js';
import { MappingEntityType } from '../../src/index.js';
import { newSchool, sharedServices } from '../support/services.js';

const FOLDER = join(process.cwd(), 'examples/colegio-san-martin');

describe('Colegio San Martín', () => {
  it('is made the same on every machine', async () => {
    for (const [name, content] of Object.entries(generateSchool())) {
      expect(content.equals(await readFile(join(FOLDER, name))), name).to.equal(true);
    }
  });

  it('has the faults that its README lists, and no others', async () => {
    const { integrationService } = await sharedServices();
    const school = await newSchool(generateSchool());
    const found: string[] = [];
    const counts: Record<string, number> = {};
    for (const type of ['COURSE', 'TEACHER', 'GROUP', 'STUDENT'] as const) {
      const report = await integrationService.syncData(school.integrationId, MappingEntityType[type]);
      counts[type] = report.synced;
      const { items } = await integrationService.listSyncIssues(school.integrationId, report.runId);
      found.push(
        ...items.flatMap(({ file, line, severity }) =>
          line ? [`${file} ${line} ${severity.toLowerCase()}`] : [],
        ),
      );
    }
    const readme = await readFile(join(FOLDER, 'README.md'), 'utf8');
    const listed = [...readme.matchAll(/^\| (\S+\.csv) +\| (\d+) +\|.*\| (error|warning)/gm)].map(
      ([, file, line, what]) => `${file} ${line} ${what}`,
    );
    expect(listed).to.have.length(12);
    expect(found.sort()).to.deep.equal(listed.sort());
    expect(counts).to.deep.equal({ COURSE: 48, TEACHER: 59, GROUP: 48, STUDENT: 1_196 });
  });
});
