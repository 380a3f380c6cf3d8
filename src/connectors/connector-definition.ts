import type { z } from 'zod';
import type { IntegrationProvider } from './integration-provider.js';
import type { MappingEntityType } from './mapping-entity-type.js';
import type { ConnectorContext, SISConnector } from './sis-connector.js';

/** What stands beside a connector: what it is, what it needs, how one is made. */
export interface ConnectorDefinition {
  provider: IntegrationProvider;
  /** What a person would call the system. */
  title: string;
  /** Schema of `config`. Checks input, fills defaults, and is shown as JSON Schema; use `.meta({ description })`. */
  config: z.ZodType<Record<string, unknown>>;
  /** Schema of `credentials`: an object of strings. */
  credentials: z.ZodType<Record<string, string | undefined>>;
  capabilities: {
    entityTypes: readonly MappingEntityType[];
    sendsAttendance: boolean;
  };
  create(context: ConnectorContext): SISConnector;
}
