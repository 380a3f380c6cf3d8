export { announceRun, type LoggedRun } from './announce-run.js';
export { type FeedEntry, type FeedPlace, readFeed } from './change-feed.js';
export { type DirectChange, keepChangesOf, logChange, NEXT_POSITION } from './change-log.js';
export { lockInstitution } from './institution-lock.js';
export { positionOf } from './position.js';
