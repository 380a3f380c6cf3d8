import type { Capabilities, ConnectorDefinition } from '../connector-definition.js';
import { IntegrationProvider } from '../integration-provider.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { hostOfApi } from '../run-host.js';
import { baseUrlOf, idukayConfig, idukayCredentials } from './idukay-config.js';
import { IdukayConnector } from './idukay-connector.js';
import { receiveStudent } from './pushed-student.js';

const { COURSE, GROUP, STUDENT, TEACHER } = MappingEntityType;
const GATEWAY: Capabilities = {
  entityTypes: [COURSE, GROUP, STUDENT, TEACHER],
  sendsAttendance: true,
  readsOne: [COURSE, GROUP, STUDENT, TEACHER],
};
const TOKEN: Capabilities = { entityTypes: [STUDENT, TEACHER], sendsAttendance: false };

const RUNS_AT_ONCE = 8;

/** IDUKAY: the gateway dialect with API key and institution code, or Idukay's own API with a token. */
export const idukay: ConnectorDefinition = {
  provider: IntegrationProvider.IDUKAY,
  title: 'IDUKAY',
  config: idukayConfig,
  credentials: idukayCredentials,
  capabilities: GATEWAY,
  capabilitiesWith: ({ dialect }) => (dialect === 'token' ? TOKEN : GATEWAY),
  receive: receiveStudent,
  // Most schools are at one address, and none of them names it.
  host: (config) => hostOfApi(baseUrlOf(config), RUNS_AT_ONCE),
  create: (context) => new IdukayConnector(context),
};
