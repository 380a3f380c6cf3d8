export { listIntegrations, showIntegration, testIntegration } from './integrations.js';
export { cancelRun, listRuns, showRun, sync, watchRun } from './runs.js';
