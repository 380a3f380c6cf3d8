// A plugin of buf: writes openapi.json from the services of the product.
import { readFileSync } from 'node:fs';
import { createEcmaScriptPlugin, runNodeJs } from '@bufbuild/protoplugin';
import { documentOf } from './document.mjs';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

runNodeJs(
  createEcmaScriptPlugin({
    name: 'protoc-gen-openapi',
    version,
    generateTs(schema) {
      const file = schema.generateFile('openapi.json');
      file.print(JSON.stringify(documentOf(schema.files, schema.allFiles, version), null, 2));
    },
  }),
);
