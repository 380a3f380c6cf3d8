import type { Database } from '../database/index.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import { type EntityChange, type EntityChangesOf, entityChanges } from './entity-changes.js';
import type { ObjectType } from './record-event.js';
import { type Anchor, type Verification, verifyChain } from './verify-chain.js';

/** One thing that was done, or a call that was refused. */
export interface AuditEvent {
  /** Its place in the institution's chain: 1, 2, 3 and so on. A decimal integer. */
  position: string;
  at: Date;
  /** The name of the token; `push` for a school system, `anonymous` without one, `service` by itself. */
  actor: string;
  address: string | null;
  requestId: string | null;
  method: string | null;
  action: string;
  objectType: ObjectType;
  objectId: string;
  integrationId: string | null;
  runId: string | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  /** `OK`, or the code of the refusal. */
  outcome: string;
  detail: string | null;
  /** Of this event and all before it: 32 bytes. */
  hash: Buffer;
}

/** Which events: those that fit everything that is given. */
export interface AuditFilter {
  actor?: string | undefined;
  action?: string | undefined;
  objectType?: string | undefined;
  objectId?: string | undefined;
  integrationId?: string | undefined;
  runId?: string | undefined;
  requestId?: string | undefined;
  /** Only calls that were refused. */
  refused?: boolean | undefined;
  /** From this moment on. */
  since?: Date | undefined;
  /** Before this moment. */
  until?: Date | undefined;
}

const COLUMNS = `position::text AS position, at, actor, address, request_id AS "requestId", method, action,
  object_type AS "objectType", object_id AS "objectId", integration_id AS "integrationId",
  run_id AS "runId", before, after, outcome, detail, hash`;

/** Reads the audit of institutions, and proves that nobody has touched it. */
export class AuditService {
  constructor(private readonly database: Database) {}

  /** The events of an institution that fit a filter, the newest first. */
  async listEvents(
    request: PageRequest & AuditFilter & { institutionId: string },
  ): Promise<Page<AuditEvent>> {
    const size = pageSizeOf(request);
    const [before] = readPageToken(request.pageToken, [TOKEN.position]) ?? [];
    const values: unknown[] = [request.institutionId, size + 1];
    const conditions = ['institution_id = $1'];
    const add = (condition: string, value: unknown) => {
      if (value === undefined) return;
      values.push(value);
      conditions.push(`${condition} $${values.length}`);
    };
    add('position <', before);
    add('actor =', request.actor);
    add('action =', request.action);
    add('object_type =', request.objectType);
    add('object_id =', request.objectId);
    add('integration_id =', request.integrationId);
    add('run_id =', request.runId);
    add('request_id =', request.requestId);
    add('at >=', request.since);
    add('at <', request.until);
    if (request.refused) conditions.push(`outcome <> 'OK'`);
    const rows = await this.database.query<AuditEvent>(
      // Ordered by the column: the text of the same name would put 10 before 9.
      `SELECT ${COLUMNS} FROM audit_events e
       WHERE ${conditions.join(' AND ')}
       ORDER BY e.position DESC LIMIT $2`,
      values,
    );
    return toPage(
      rows,
      size,
      ({ position }) => [position],
      (row) => row,
    );
  }

  /** Who changed an entity, or one field of it, when, and by which run or call; the newest first. */
  listEntityChanges(request: PageRequest & EntityChangesOf): Promise<Page<EntityChange>> {
    return entityChanges(this.database, request);
  }

  /**
   * Looks through the whole chain of an institution for rows that were changed, removed or put elsewhere.
   * `anchor`: an event as somebody noted it outside the database.
   */
  verify(institutionId: string, anchor?: Anchor): Promise<Verification> {
    return verifyChain(this.database, institutionId, anchor);
  }
}
