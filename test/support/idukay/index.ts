export {
  type Asistencia,
  type GatewayOptions,
  IdukayGateway,
  type IdukayLists,
  type IdukayStudent,
} from './gateway-simulator.js';
export { makeIdukaySchool } from './make-school.js';
export { IdukayTokenApi, type TokenMember } from './token-simulator.js';
