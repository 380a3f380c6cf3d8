import type { z } from 'zod';
import type { MappingEntityType } from './mapping-entity-type.js';
import type { RosterConnector } from './roster-connector.js';
import type { ConnectorContext, RecordSource, SISConnector } from './sis-connector.js';

/** A connector that a sync reads from, or one that implements the six documented methods. */
export type Connector = RosterConnector<unknown, unknown> | SISConnector;

/** What a connector can do. */
export interface Capabilities {
  entityTypes: readonly MappingEntityType[];
  sendsAttendance: boolean;
}

/** What a school system pushed to us, as records to take in. */
export interface PushedRecords {
  entityType: MappingEntityType;
  /** External id of the one record. */
  externalId: string;
  source: RecordSource;
}

/** What stands beside a connector: what it is, what it needs, how one is made. */
export interface ConnectorDefinition {
  /** Its name in the registry: a value of IntegrationProvider. */
  provider: string;
  /** What a person would call the system. */
  title: string;
  /**
   * Schema of `config`. Checks input, fills defaults, and is shown as JSON Schema; use `.meta({ description
   * })`.
   */
  config: z.ZodType<Record<string, unknown>>;
  /** Schema of `credentials`: an object of strings. */
  credentials: z.ZodType<Record<string, string | undefined>>;
  capabilities: Capabilities;
  /** What of its capabilities remains with these settings, where settings take some away. */
  capabilitiesWith?(config: Record<string, unknown>): Capabilities;
  /**
   * The host that a run with these settings reads, and how many runs may do so at once, over all integrations
   * and processes. Undefined, or left out: as many as want to.
   */
  host?(config: Record<string, unknown>): { name: string; limit: number } | undefined;
  /**
   * Reads a body that the school system pushed to us; throws ConnectorError that names what is wrong with it.
   */
  receive?(body: unknown): PushedRecords;
  create(context: ConnectorContext): Connector;
}
