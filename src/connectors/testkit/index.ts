export { type ConformanceOptions, conformanceCases } from './conformance.js';
export type { ConformanceCase } from './conformance-case.js';
export type { Settings, Simulate, Simulation } from './simulation.js';
export { VolatileMemory } from './volatile-memory.js';
