export { type Planned, plan, type Unresolved } from './plan.js';
export { findRenumberedIn, planRekeys } from './plan-rekeys.js';
