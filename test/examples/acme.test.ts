import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { acme } from '../../examples/acme/acme-connector.js';
import { AcmeSystem } from '../../examples/acme/acme-system.js';
import { packageRoot } from '../../examples/package-root.js';
import { conformanceCases, type Simulation } from '../../src/connectors/testkit/index.js';
import { sheetOf } from '../support/sheet.js';

function simulate(): Simulation {
  const system = new AcmeSystem();
  const { students, courses } = system.lists;
  return {
    handle: system.handle,
    settings: (url, timeout) => ({
      config: { apiUrl: url, timeout, pageSize: 5 },
      credentials: { apiKey: system.apiKey },
    }),
    expected: { STUDENT: students.map(({ id }) => id), COURSE: courses.map(({ id }) => id) },
    refused: [
      { config: { apiUrl: 'nowhere' } },
      { config: { pageSize: 0 } },
      { credentials: { apiKey: '' } },
    ],
    expireCredentials: () => {
      system.keyExpired = true;
    },
    shrink: () => students.splice(-3),
    sheet: () => sheetOf(['S1', 'S2', 'S3'], 'C1', 'G1'),
    countMarks: () => [...system.sessions.values()].reduce((sum, marks) => sum + marks.size, 0),
  };
}

const cases = await conformanceCases({ definition: acme, simulate });

describe('the example connector ACME', () => {
  for (const { name, run } of cases) it(name, run);

  it('is shorter than 120 lines', async () => {
    const source = await readFile(join(packageRoot, 'examples/acme/acme-connector.ts'), 'utf8');
    expect(source.split('\n').length).to.be.lessThan(120);
  });
});
