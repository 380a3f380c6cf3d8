import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package-root.js';
import { generateSchool } from './school.js';

// node dist/examples/colegio-san-martin/generate.js: writes the files of the school, always the same.
for (const [name, content] of Object.entries(generateSchool())) {
  writeFileSync(join(packageRoot, 'examples/colegio-san-martin', name), content);
}
