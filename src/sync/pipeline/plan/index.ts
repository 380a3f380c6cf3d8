export { type Planned, plan, type Unresolved } from './plan.js';
