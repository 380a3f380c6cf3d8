import type { MappingEntityType } from '../connectors/index.js';
import type { Database } from '../database/index.js';
import { invalidFields, ServiceError } from '../errors.js';
import type { Page, PageRequest } from '../paging.js';
import type { OrderSending } from '../roster/index.js';
import { cleanExternalId } from '../values/index.js';
import { type HistoryOf, type MappingHistoryEntry, mappingHistory } from './mapping-history.js';
import { type MappingKey, MappingRows } from './mapping-rows.js';
import { type MergeIds, mergeEntities } from './merge-entities.js';
import { type Repair, RepairRuns } from './repair-runs.js';

/**
 * Repairs of the map of ids by people: each in one transaction, as a run of its own in the log of changes.
 */
export class MappingRepairs {
  readonly #rows: MappingRows;

  /** `orderSending`: who sends the marks that a merge moves. */
  constructor(
    private readonly database: Database,
    private readonly orderSending: OrderSending,
  ) {
    this.#rows = new MappingRows(database);
  }

  /**
   * The school changed an id. What was decided about the new one before (to leave it out, say) is forgotten; that
   * the one before is this entity goes with it. Throws `not_found`, and `already_exists` when the new id is mapped to somebody else.
   */
  async rekey(repair: Repair & { externalId: string; newExternalId: string }): Promise<void> {
    const from = requireId('externalId', repair.externalId);
    const to = requireId('newExternalId', repair.newExternalId);
    await RepairRuns.run(this.database, repair, async (runs) => {
      const key = keyOf(repair);
      const { internalId } = await this.#rows.get(key, from);
      const taken = await this.#rows.find(key, 'external_id', to);
      if (taken?.internalId === internalId) return;
      if (taken) {
        throw new ServiceError(
          'already_exists',
          `"${to}" is mapped already, to ${taken.internalId}. If the two are one, use MergeMappings.`,
          { reason: 'MAPPING_EXISTS' },
        );
      }
      await this.#rows.rekey(key, from, to);
      await this.#rows.moveDecision(key, { from, to, internalId });
      const change = { action: 'REKEY', internalId, externalId: to } as const;
      await runs.log(repair.integrationId, {
        ...change,
        before: { externalId: from },
        after: { externalId: to },
      });
    });
  }

  /**
   * Takes a mapping away, and what was decided about its id; the entity stays. The next sync looks who it is,
   * as for somebody new. Throws `not_found`.
   */
  async unlink(repair: Repair & { externalId: string }): Promise<void> {
    const externalId = requireId('externalId', repair.externalId);
    await RepairRuns.run(this.database, repair, async (runs) => {
      const key = keyOf(repair);
      const { internalId } = await this.#rows.get(key, externalId);
      await this.#rows.delete(key, externalId);
      await this.#rows.forgetDecision(key, externalId);
      await runs.log(repair.integrationId, {
        action: 'UNLINK',
        internalId,
        externalId,
        before: {},
        after: {},
      });
    });
  }

  /**
   * Two entities are one, for all integrations of the institution: what refers to the one that is dropped
   * then refers to the one that is kept (marks, groups, mappings, decisions), and the dropped one becomes
   * inactive for good. Where the source has both, `keepExternalId` says which of its ids stays. The other is left
   * out from then on, as long as its row may be whom it stood for. Marks of closed sessions that go over are sent.
   * Throws `failed_precondition` without it, and `aborted` while a sync of the same entity type is under way in the
   * institution.
   */
  async merge(repair: Repair & MergeIds): Promise<void> {
    const ids: MergeIds = {
      keepInternalId: repair.keepInternalId.toLowerCase(),
      dropInternalId: repair.dropInternalId.toLowerCase(),
      keepExternalId: repair.keepExternalId && requireId('keepExternalId', repair.keepExternalId),
    };
    if (ids.keepInternalId === ids.dropInternalId) {
      throw invalidFields([{ field: 'dropInternalId', description: 'is the one to keep' }]);
    }
    await RepairRuns.run(this.database, repair, (runs) =>
      mergeEntities(this.database, {
        runs,
        rows: this.#rows,
        orderSending: this.orderSending,
        repair,
        ids,
      }),
    );
  }

  /** What became of a mapping, the newest first; see `mappingHistory`. */
  history(
    of: HistoryOf,
    request: PageRequest & { at?: Date | undefined } = {},
  ): Promise<Page<MappingHistoryEntry>> {
    return mappingHistory(this.database, of, request);
  }
}

function keyOf({
  integrationId,
  entityType,
}: {
  integrationId: string;
  entityType: MappingEntityType;
}): MappingKey {
  return { integrationId, entityType };
}

/** An id of the school system as it is stored. Throws `invalid_argument` when it can be none. */
function requireId(field: string, raw: string): string {
  const id = cleanExternalId(raw);
  if (typeof id === 'string') return id;
  throw invalidFields([{ field, description: id.rule === 'id.missing' ? 'is empty' : id.problem }]);
}
