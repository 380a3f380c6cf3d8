export { createRestHandler, type RestHandlerOptions } from './rest-handler.js';
export { createRestRouter } from './rest-routes.js';
