export { assertListenable } from './assert-listenable.js';
export {
  healthService,
  type RunningServer,
  reflectionServices,
  type ServerOptions,
  startServer,
} from './server.js';
