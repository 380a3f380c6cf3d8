import type { MappingEntityType } from '../../../src/index.js';
import type { Memory } from './memory.js';
import type { ModelIntegration } from './school.js';
import type { Entity, Run, Snapshot } from './snapshot.js';

/** Thrown by a rule that does not hold, in words. */
export class Broken extends Error {}

export function require(isSo: boolean, what: () => string): asserts isSo {
  if (!isSo) throw new Broken(what());
}

export const byId = (entities: readonly Entity[]) => new Map(entities.map((entity) => [entity.id, entity]));

export interface ReadingCheck {
  integration: ModelIntegration;
  type: MappingEntityType;
  run: Run;
  before: Snapshot;
  after: Snapshot;
  memory: Memory;
}
