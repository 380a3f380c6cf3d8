// `npm run generate`: gen/ from proto/, byte for byte the same on every machine, offline.
// buf/validate/validate.proto comes in no npm package, but its descriptor does: it is printed into proto/ first,
// where every compiler finds it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { file_buf_validate_validate } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { printProto } from './print-proto.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'proto/buf/validate/validate.proto');
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, printProto(file_buf_validate_validate.proto));

const buf = (...args) =>
  execFileSync(join(root, 'node_modules/.bin/buf'), args, { cwd: root, stdio: 'inherit' });
buf('format', '--write', target);
buf('generate');
