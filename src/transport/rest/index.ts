export { createRestHandler, type RestHandlerOptions } from './rest-handler.js';
export { answerError } from './rest-response.js';
export { createRestRouter } from './rest-routes.js';
