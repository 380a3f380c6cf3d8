import type { z } from 'zod';
import type { StudentRecord } from './external-record.js';
import type { GivenTo } from './given-file.js';
import type { MappingEntityType } from './mapping-entity-type.js';
import type { RosterConnector } from './roster-connector.js';
import type { ConfinedFiles, ConnectorContext, SISConnector } from './sis-connector.js';

/** A connector that a sync reads from, or one that implements the six documented methods. */
export type Connector = RosterConnector<unknown, unknown> | SISConnector;

/** What a connector can do. */
export interface Capabilities {
  entityTypes: readonly MappingEntityType[];
  sendsAttendance: boolean;
  /** Entity types of which single entities can be read, by the connector's method `one`. Default: none. */
  readsOne?: readonly MappingEntityType[];
}

/** What a school system says that changed: the normal form of what it sends to us. */
export interface ReceivedChange {
  /** ALL: anything may have. */
  entityType: MappingEntityType | 'ALL';
  /** External ids of those that changed; none: any of the entity type may have. */
  externalIds?: readonly string[] | undefined;
  /**
   * The one student that changed, as the system tells it. It is taken in as it is when it comes to the address with
   * a secret (`CreatePushSecret`); a webhook is a hint, after which the system is asked.
   */
  record?: StudentRecord | undefined;
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
   * Reads a body of the school system's own that came by a webhook or a push, parsed from JSON. Nothing in the list:
   * it is of no concern here. Throws ConnectorError that names what is wrong with it.
   */
  receive?(body: unknown): readonly ReceivedChange[];
  /**
   * Whether integrations with these settings take files that somebody gives them (`takeFile`); else a sentence
   * that says why not. Left out: none does.
   */
  takesFiles?(config: Record<string, unknown>): true | string;
  /**
   * Removes all files that were ever given to an integration, which is being deleted, whatever its settings are by
   * now. Throws ConnectorError.
   */
  forgetFiles?(of: GivenTo): Promise<void>;
  /**
   * Folders that files are written to: of all integrations where `config` is undefined, else by the settings of one.
   * What processes that died left there is removed.
   */
  foldersWritten?(files: ConfinedFiles, config: Record<string, unknown> | undefined): Promise<string[]>;
  create(context: ConnectorContext): Connector;
}
