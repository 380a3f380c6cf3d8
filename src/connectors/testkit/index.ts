export { type ConformanceCase, type ConformanceOptions, conformanceCases } from './conformance.js';
export type { Settings, Simulate, Simulation } from './simulation.js';
