import type { MappingEntityType } from '../connectors/index.js';
import { type Database, MAPPING_COLUMNS } from '../database/index.js';
import { ServiceError } from '../errors.js';
import { type Page, type PageRequest, pageSizeOf, readPageToken, TOKEN, toPage } from '../paging.js';
import type { OrderSending } from '../roster/index.js';
import { cleanExternalId } from '../values/index.js';
import { MappingRepairs } from './mapping-repairs.js';

/**
 * The pair of ids that one entity has in SmartID (`internalId`) and in the school's system (`externalId`).
 */
export interface IntegrationMapping {
  id: string;
  integrationId: string;
  entityType: MappingEntityType;
  internalId: string;
  externalId: string;
  metadata: Record<string, unknown>;
  /** MISSING: the source has it no longer; after a grace it is deactivated. */
  status: 'ACTIVE' | 'MISSING';
  createdAt: Date;
  updatedAt: Date;
}

/** Rows a page while streaming: large enough to cost few round trips, small enough to keep memory flat. */
const STREAM_PAGE = 1_000;

/** Looks up the two-way map of ids. */
export class MappingService {
  /** Repairs by people. */
  readonly repairs: MappingRepairs;

  /** `orderSending`: who sends the attendance of closed sessions; where nobody does, none is sent. */
  constructor(
    private readonly database: Database,
    orderSending: OrderSending = async () => [],
  ) {
    this.repairs = new MappingRepairs(database, orderSending);
  }

  /** The mapping of one entity by SmartID's id. Throws `not_found`. */
  getMapping(
    integrationId: string,
    entityType: MappingEntityType,
    internalId: string,
  ): Promise<IntegrationMapping> {
    return this.#one(integrationId, entityType, 'internal_id', internalId);
  }

  /** The mapping of one entity by the school's id. Throws `not_found`. */
  getMappingByExternalId(
    integrationId: string,
    entityType: MappingEntityType,
    externalId: string,
  ): Promise<IntegrationMapping> {
    const id = cleanExternalId(externalId);
    return this.#one(
      integrationId,
      entityType,
      'external_id',
      typeof id === 'string' ? id : undefined,
      externalId,
    );
  }

  /**
   * A page of mappings, ordered by entity type and external id. Throws `not_found` when there is no such
   * integration.
   */
  async listMappings(
    integrationId: string,
    request: PageRequest & { entityType?: MappingEntityType | undefined } = {},
  ): Promise<Page<IntegrationMapping>> {
    const page = await this.#page(integrationId, request, pageSizeOf(request));
    // Where there is something, there is an integration.
    if (page.items.length === 0) await this.#requireIntegration(integrationId);
    return page;
  }

  /** All mappings from a token on, page by page: memory does not grow with their count. */
  async *streamMappings(
    integrationId: string,
    request: { entityType?: MappingEntityType | undefined; pageToken?: string | undefined } = {},
  ): AsyncGenerator<IntegrationMapping[]> {
    await this.#requireIntegration(integrationId);
    const read = (pageToken: string | undefined) =>
      this.#page(integrationId, { ...request, pageToken }, STREAM_PAGE);
    let page = await read(request.pageToken);
    while (page.nextPageToken) {
      // The database reads the next page while whoever listens takes this one.
      const next = read(page.nextPageToken);
      // He may leave, and nobody hear of what becomes of it.
      next.catch(() => {});
      yield page.items;
      page = await next;
    }
    yield page.items;
  }

  async countMappings(integrationId: string): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM integration_mappings WHERE integration_id = $1',
      [integrationId],
    );
    return row?.count ?? 0;
  }

  async #page(
    integrationId: string,
    { entityType, pageToken }: { entityType?: MappingEntityType | undefined; pageToken?: string | undefined },
    size: number,
  ): Promise<Page<IntegrationMapping>> {
    const key = readPageToken(pageToken, [TOKEN.entityType, TOKEN.text]);
    const values: unknown[] = [integrationId, size + 1];
    const given = (value: unknown) => `$${values.push(value)}`;
    const conditions = ['integration_id = $1'];
    if (entityType) conditions.push(`entity_type = ${given(entityType)}`);
    // Within one type by the id alone: beside it, a comparison of both would read all that came before.
    if (key && key[0] === entityType) conditions.push(`external_id > ${given(key[1])}`);
    else if (key) conditions.push(`(entity_type, external_id) > (${given(key[0])}, ${given(key[1])})`);
    const rows = await this.database.query<IntegrationMapping>(
      `SELECT ${MAPPING_COLUMNS} FROM integration_mappings m WHERE ${conditions.join(' AND ')}
       ORDER BY entity_type, external_id LIMIT $2`,
      values,
    );
    return toPage(
      rows,
      size,
      (row) => [row.entityType, row.externalId],
      (row) => row,
    );
  }

  /** `id`: undefined where there can be none, `asked` as the caller wrote it. */
  async #one(
    integrationId: string,
    entityType: MappingEntityType,
    column: 'internal_id' | 'external_id',
    id: string | undefined,
    asked = id,
  ): Promise<IntegrationMapping> {
    if (id !== undefined) {
      const [row] = await this.database.queryOften<IntegrationMapping>(
        `SELECT ${MAPPING_COLUMNS} FROM integration_mappings m
          WHERE integration_id = $1 AND entity_type = $2 AND ${column} = $3`,
        [integrationId, entityType, id],
      );
      if (row) return row;
    }
    await this.#requireIntegration(integrationId);
    const side = column === 'internal_id' ? 'internalId' : 'externalId';
    throw new ServiceError(
      'not_found',
      `This integration has no ${entityType} mapping with ${side} "${asked}".`,
      {
        reason: 'MAPPING_NOT_FOUND',
      },
    );
  }

  async #requireIntegration(id: string): Promise<void> {
    const [row] = await this.database.query('SELECT 1 FROM integrations WHERE id = $1', [id]);
    if (!row)
      throw new ServiceError('not_found', `There is no integration ${id}.`, {
        reason: 'INTEGRATION_NOT_FOUND',
      });
  }
}
