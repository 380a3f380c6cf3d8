export type { Admission, Admit } from './admission.js';
export { assertListenable } from './assert-listenable.js';
export { createCallerAddress, isProxyRange } from './caller-address.js';
export type { Page } from './pages.js';
export {
  healthService,
  type RunningServer,
  reflectionServices,
  type ServerOptions,
  startServer,
} from './server.js';
