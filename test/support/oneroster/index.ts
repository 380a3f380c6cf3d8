export { csvFilesOf, zipOf } from './csv-files.js';
export { OneRosterSimulator } from './oneroster-simulator.js';
export * from './school.js';
