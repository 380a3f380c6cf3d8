/**
 * The columns of integration_mappings, in a query that calls it `m`, under the names that its readers use.
 */
export const MAPPING_COLUMNS = `m.id, m.integration_id AS "integrationId", m.entity_type AS "entityType", m.internal_id AS "internalId",
  m.external_id AS "externalId", m.metadata, CASE WHEN m.missing_runs = 0 THEN 'ACTIVE' ELSE 'MISSING' END AS status,
  m.created_at AS "createdAt", m.updated_at AS "updatedAt"`;
