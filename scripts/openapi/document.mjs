// The whole document: what services, messages and pages make together.
import { createRegistry } from '@bufbuild/protobuf';
import { descriptionOf } from './comments.mjs';
import { errorParts } from './errors.mjs';
import { Operations, PARAMETERS, tagOf } from './operations.mjs';
import { pagePaths } from './pages.mjs';
import { Rules } from './rules.mjs';
import { Schemas } from './schemas.mjs';

const DESCRIPTION = `Connects schools' systems to SmartID: rosters in, attendance back.

Every call takes a bearer token, but for those that say otherwise. Bodies are JSON with field names in camelCase; times are RFC 3339 in
UTC; fields that are not known are refused. Errors have one form: \`code\`, a sentence in \`message\`, and \`details\` for programs. Each
answer has an \`X-Request-Id\`, which is the caller's own where the request has one; please name it when you ask for help.

Lists are read page by page: \`Link: <…>; rel="next"\` leads to the next page. The same methods can be called by gRPC, gRPC-Web and Connect.`;

/**
 * @param {readonly import('@bufbuild/protobuf').DescFile[]} files those whose services are described
 * @param {readonly import('@bufbuild/protobuf').DescFile[]} allFiles with all that they import
 * @param {string} version of the package
 */
export function documentOf(files, allFiles, version) {
  const registry = createRegistry(...allFiles);
  const extension = (name) => registry.getExtension(name) ?? fail(`there is no extension ${name}`);
  const rules = new Rules(extension);
  const schemas = new Schemas(rules, extension('smartid.api.v1.nullable'));
  const operations = new Operations(schemas, {
    http: extension('google.api.http'),
    eventStream: extension('smartid.api.v1.event_stream'),
    successStatus: extension('smartid.api.v1.success_status'),
  });
  const bound = (service) => service.methods.filter((rpc) => operations.isBound(rpc));
  const services = files.flatMap((file) => file.services).filter((service) => bound(service).length > 0);
  const rpcs = services.flatMap(bound);
  schemas.learnUses(rpcs);
  const paths = {};
  for (const rpc of rpcs) operations.add(paths, rpc);
  Object.assign(paths, pagePaths);
  const errors = errorParts(registry);
  return {
    openapi: '3.1.0',
    info: {
      title: 'SmartID Integrations',
      version,
      description: DESCRIPTION,
      license: { name: 'Proprietary' },
    },
    servers: [{ url: '/', description: 'The service that serves this document.' }],
    security: [{ bearer: [] }],
    tags: [
      ...services.map((service) => ({ name: tagOf(service), description: descriptionOf(service) })),
      { name: 'Operation', description: 'For operators and their tools.' },
    ],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'The token of the service, or of a caller.' },
      },
      schemas: sorted({ ...schemas.components, ...errors.schemas }),
      responses: errors.responses,
      parameters: PARAMETERS,
      headers: errors.headers,
    },
  };
}

function sorted(object) {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function fail(reason) {
  throw new Error(reason);
}
