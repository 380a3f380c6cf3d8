import { recordEvent } from '../../audit/index.js';
import type { Database } from '../../database/index.js';
import { ServiceError } from '../../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../../paging.js';
import type { ConflictResolution, SyncConflict } from './conflict.js';
import { forgetFormerLinks } from './former-decision.js';
import { type BulkDecision, type BulkOutcome, resolveInBulk } from './resolve-in-bulk.js';
import { unlinkMapping } from './unlink-mapping.js';

const COLUMNS = `id, entity_type AS "entityType", external_id AS "externalId", run_id AS "runId", record, candidates, reason, resolution,
  internal_id AS "internalId", created_at AS "createdAt", resolved_at AS "resolvedAt"`;

/** Conflicts of identity, and what people decided about them: the next sync does it, and every one after. */
export class ConflictStore {
  constructor(private readonly database: Database) {}

  /** A page of conflicts, by entity type and external id; those that wait unless asked otherwise. */
  async list(
    integrationId: string,
    request: PageRequest & { resolved?: boolean | undefined },
  ): Promise<Page<SyncConflict>> {
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
   * Notes what a person decided. LINK needs `internalId`: one of the candidates, or anybody else of the
   * institution. Where the id was re-used, CREATE and a LINK to another take it from the person it was mapped
   * to, who stays in the roster. Throws `not_found`, `aborted` while a sync stands in the way of that, and
   * `invalid_argument` when there is nobody with that id, or another row is mapped or linked to it.
   */
  async resolve(
    { integrationId, institutionId }: { integrationId: string; institutionId: string },
    id: string,
    resolution: ConflictResolution,
    internalId?: string,
  ): Promise<SyncConflict> {
    return this.database.transaction(async () => {
      // Before all else, as whoever deletes the integration does.
      await this.database.query('SELECT id FROM integrations WHERE id = $1 FOR SHARE', [integrationId]);
      const [conflict] = await this.database.query<SyncConflict>(
        `SELECT ${COLUMNS} FROM sync_conflicts WHERE integration_id = $1 AND id = $2 FOR UPDATE`,
        [integrationId, id],
      );
      if (!conflict) {
        throw new ServiceError(
          'not_found',
          `There is no conflict ${id} of this integration, or its row has become another since it was listed. List conflicts again.`,
          {
            reason: 'CONFLICT_NOT_FOUND',
          },
        );
      }
      if (resolution === 'LINK') await this.#requireFree(integrationId, institutionId, conflict, internalId);
      if (resolution !== 'IGNORE') {
        const target = resolution === 'LINK' ? internalId : undefined;
        await this.#freeReusedId({ integrationId, institutionId }, conflict, target);
      }
      const [row] = await this.database.query<SyncConflict>(
        `UPDATE sync_conflicts SET resolution = $3, internal_id = $4, resolved_at = now(), former = NULL
         WHERE integration_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
        [integrationId, id, resolution, resolution === 'LINK' ? internalId : null],
      );
      const { entityType, externalId } = conflict;
      if (row?.internalId) {
        const decided = { people: [row.internalId], rows: [externalId] };
        await forgetFormerLinks(this.database, { integrationId, entityType }, decided);
      }
      await recordEvent(this.database, {
        institutionId,
        action: 'conflict.resolved',
        objectType: 'CONFLICT',
        objectId: id,
        integrationId,
        before: { resolution: conflict.resolution, internalId: conflict.internalId },
        after: { entityType, externalId, resolution, internalId: row?.internalId },
      });
      return row as SyncConflict;
    });
  }

  /** Decides about many at once; see `resolveInBulk`. */
  resolveInBulk(
    of: { integrationId: string; institutionId: string },
    decision: BulkDecision,
  ): Promise<BulkOutcome> {
    return resolveInBulk(this.database, of, decision);
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
       LEFT JOIN integration_mappings m ON m.integration_id = $1 AND m.entity_type = $3
         AND m.internal_id = t.id
       WHERE t.institution_id = $2 AND t.id = $4`,
      [integrationId, institutionId, entityType, internalId ?? null],
    );
    const noun = entityType.toLowerCase();
    if (!person) {
      throw new ServiceError(
        'invalid_argument',
        `internalId: there is no ${noun} ${internalId ?? ''} in this institution.`,
        {
          reason: 'LINK_TARGET_NOT_FOUND',
        },
      );
    }
    if (person.mergedInto) {
      throw new ServiceError(
        'invalid_argument',
        `internalId: ${noun} ${internalId} was merged into ${person.mergedInto}.`,
        {
          reason: 'LINK_TARGET_MERGED',
        },
      );
    }
    // First: a decision about an id that the person is mapped to was carried out, and claims nothing any more.
    if (person.mappedAs !== null && person.mappedAs !== externalId) {
      throw new ServiceError(
        'invalid_argument',
        `internalId: ${noun} ${internalId} is mapped to "${person.mappedAs}" already. If the school changed that id to "${externalId}", use RekeyMapping.`,
        { reason: 'LINK_TARGET_MAPPED' },
      );
    }
    // Who has this id already is claimed by nobody else any more.
    if (person.mappedAs === null)
      await this.#requireUnclaimed(integrationId, { entityType, externalId }, internalId as string);
  }

  /**
   * An id that was re-used is no longer mapped to whom the conflict names, unless it is decided that it is
   * that person.
   */
  async #freeReusedId(
    key: { integrationId: string; institutionId: string },
    { entityType, externalId, candidates }: SyncConflict,
    internalId?: string,
  ): Promise<void> {
    const former = candidates.find(({ rule }) => rule === 'externalId');
    if (!former || former.internalId === internalId?.toLowerCase()) return;
    // The id may be mapped anew by now.
    const [mapping] = await this.database.query(
      `SELECT 1 FROM integration_mappings
        WHERE integration_id = $1 AND entity_type = $2 AND external_id = $3 AND internal_id = $4`,
      [key.integrationId, entityType, externalId, former.internalId],
    );
    if (mapping)
      await unlinkMapping(this.database, key, { entityType, externalId, internalId: former.internalId });
  }

  /** Two rows are never linked to one person: whoever decides second is told of the first. */
  async #requireUnclaimed(
    integrationId: string,
    { entityType, externalId }: Pick<SyncConflict, 'entityType' | 'externalId'>,
    internalId: string,
  ): Promise<void> {
    // Of two decisions at once, the second sees what the first has written.
    await this.database.query('SELECT pg_advisory_xact_lock(hashtextextended($1 || $2::uuid::text, 1))', [
      integrationId,
      internalId,
    ]);
    const [other] = await this.database.query<{ externalId: string }>(
      `SELECT external_id AS "externalId" FROM sync_conflicts
       WHERE integration_id = $1 AND entity_type = $2 AND external_id <> $3 AND resolution = 'LINK'
         AND internal_id = $4 LIMIT 1`,
      [integrationId, entityType, externalId, internalId],
    );
    if (!other) return;
    throw new ServiceError(
      'invalid_argument',
      `internalId: ${entityType.toLowerCase()} ${internalId} is linked to "${other.externalId}" by another decision. Decide otherwise about that one first.`,
      { reason: 'LINK_TARGET_CLAIMED' },
    );
  }
}
