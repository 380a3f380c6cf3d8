import type { MappingEntityType } from '../../../src/index.js';
import { ENTITY_SPECS } from '../../../src/roster/index.js';
import type { SyncPolicy } from '../../../src/sync/index.js';
import { digestKey, digestOf } from '../../../src/sync/pipeline/stage/digest.js';
import { recordsOf, type SchoolState } from './school-system.js';

/** What is read of an integration, and by whose rules. */
interface Source {
  id: string;
  letter: string;
  state: SchoolState;
  policy: SyncPolicy;
}

/**
 * The digests of all rows of a source as it is, by external id. `older`: as a version made them that cleaned values in
 * another way.
 */
export function digestsOf(
  { id, letter, state, policy }: Source,
  type: MappingEntityType,
  { older = false }: { older?: boolean } = {},
): Map<string, Buffer> {
  const key = digestKey(id, policy.fields[type]);
  // A key begins with the version.
  const its = older ? key.replace(/^\d+\n/, '0\n') : key;
  return new Map(
    recordsOf(state, letter, type).map((record) => [
      record.externalId,
      digestOf(its, ENTITY_SPECS[type], record as never),
    ]),
  );
}
