import type { Database } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';

export type ConflictResolution = 'LINK' | 'CREATE' | 'IGNORE';

/** A new person of a source of whom nobody can tell without a person who it is. */
export interface SyncConflict {
  id: string;
  entityType: 'STUDENT' | 'TEACHER';
  externalId: string;
  runId: string;
  /** What the source says of the person. */
  record: Record<string, unknown>;
  /** Who it may be, the likeliest first. */
  candidates: { internalId: string; confidence: number; rule: string }[];
  /** Why it cannot be told, as the end of a sentence. */
  reason: string;
  /** What a person decided; null while it waits. */
  resolution: ConflictResolution | null;
  /** Who it was linked to. */
  internalId: string | null;
  createdAt: Date;
  resolvedAt: Date | null;
}

const COLUMNS = `id, entity_type AS "entityType", external_id AS "externalId", run_id AS "runId", record, candidates, reason, resolution,
  internal_id AS "internalId", created_at AS "createdAt", resolved_at AS "resolvedAt"`;

/** Conflicts of identity, and what people decided about them: the next sync does it, and every one after. */
export class ConflictStore {
  constructor(private readonly database: Database) {}

  /** A page of conflicts, by entity type and external id; those that wait unless asked otherwise. */
  async list(integrationId: string, request: PageRequest & { resolved?: boolean | undefined }): Promise<Page<SyncConflict>> {
    const size = pageSizeOf(request);
    const key = readPageToken(request.pageToken, [TOKEN.entityType, TOKEN.text]);
    const rows = await this.database.query<SyncConflict>(
      `SELECT ${COLUMNS} FROM sync_conflicts WHERE integration_id = $1 AND (resolution IS NOT NULL) = $3
         ${key ? 'AND (entity_type, external_id) > ($4, $5)' : ''}
       ORDER BY entity_type, external_id LIMIT $2`,
      [integrationId, size + 1, request.resolved ?? false, ...(key ?? [])],
    );
    return toPage(
      rows,
      size,
      ({ entityType, externalId }) => [entityType, externalId],
      (row) => row,
    );
  }

  /**
   * Notes what a person decided. LINK needs `internalId`: one of the candidates, or anybody else of the institution.
   * Throws `not_found`, and `invalid_argument` when there is nobody with that id, or somebody else is mapped to it.
   */
  async resolve(
    { integrationId, institutionId }: { integrationId: string; institutionId: string },
    id: string,
    resolution: ConflictResolution,
    internalId?: string,
  ): Promise<SyncConflict> {
    return this.database.transaction(async () => {
      const [conflict] = await this.database.query<SyncConflict>(
        `SELECT ${COLUMNS} FROM sync_conflicts WHERE integration_id = $1 AND id = $2 FOR UPDATE`,
        [integrationId, id],
      );
      if (!conflict) {
        throw new ServiceError('not_found', `There is no conflict ${id} of this integration.`, { reason: 'CONFLICT_NOT_FOUND' });
      }
      if (resolution === 'LINK') await this.#requireFree(integrationId, institutionId, conflict, internalId);
      const [row] = await this.database.query<SyncConflict>(
        `UPDATE sync_conflicts SET resolution = $3, internal_id = $4, resolved_at = now()
         WHERE integration_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
        [integrationId, id, resolution, resolution === 'LINK' ? internalId : null],
      );
      return row as SyncConflict;
    });
  }

  async #requireFree(
    integrationId: string,
    institutionId: string,
    { entityType, externalId }: SyncConflict,
    internalId?: string,
  ) {
    const table = entityType === 'STUDENT' ? 'students' : 'teachers';
    const [person] = await this.database.query<{ mappedAs: string | null; mergedInto: string | null }>(
      `SELECT m.external_id AS "mappedAs", t.merged_into AS "mergedInto" FROM ${table} t
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3 AND m.internal_id = t.id
       WHERE t.institution_id = $2 AND t.id = $4`,
      [integrationId, institutionId, entityType, internalId ?? null],
    );
    const noun = entityType.toLowerCase();
    if (!person) {
      throw new ServiceError('invalid_argument', `internalId: there is no ${noun} ${internalId ?? ''} in this institution.`, {
        reason: 'LINK_TARGET_NOT_FOUND',
      });
    }
    if (person.mergedInto) {
      throw new ServiceError('invalid_argument', `internalId: ${noun} ${internalId} was merged into ${person.mergedInto}.`, {
        reason: 'LINK_TARGET_MERGED',
      });
    }
    if (person.mappedAs === null || person.mappedAs === externalId) return;
    throw new ServiceError(
      'invalid_argument',
      `internalId: ${noun} ${internalId} is mapped to "${person.mappedAs}" already. If the school changed that id to "${externalId}", use RekeyMapping.`,
      { reason: 'LINK_TARGET_MAPPED' },
    );
  }
}
