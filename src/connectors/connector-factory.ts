import { z } from 'zod';
import { invalidFields } from '../errors.js';
import type { Connector, ConnectorDefinition } from './connector-definition.js';
import { genericCsv } from './generic-csv/index.js';
import { idukay } from './idukay/index.js';
import { IntegrationProvider } from './integration-provider.js';
import { MappingEntityType } from './mapping-entity-type.js';
import { moodle } from './moodle/index.js';
import { oneRoster } from './oneroster/index.js';
import type { ConnectorContext, SISConnector } from './sis-connector.js';

/** A connector: a definition, or a class that implements SISConnector and nothing more. */
export type ConnectorEntry = ConnectorDefinition | (new () => SISConnector);

/** Which connector serves which provider; the compiler asks for every one. */
const CONNECTORS: Readonly<Record<IntegrationProvider, ConnectorEntry>> = {
  [IntegrationProvider.IDUKAY]: idukay,
  [IntegrationProvider.MOODLE]: moodle,
  [IntegrationProvider.ONEROSTER]: oneRoster,
  [IntegrationProvider.GENERIC_CSV]: genericCsv,
};

/** Makes connectors, and tells what there are. */
export class ConnectorFactory {
  readonly #definitions: ReadonlyMap<string, ConnectorDefinition>;

  /** `added`: definitions besides those. Throws when a provider name is taken. */
  constructor(
    connectors: Readonly<Record<string, ConnectorEntry>> = CONNECTORS,
    added: readonly ConnectorDefinition[] = [],
  ) {
    const definitions = new Map<string, ConnectorDefinition>();
    for (const [provider, entry] of Object.entries(connectors))
      definitions.set(provider, toDefinition(provider, entry));
    for (const definition of added) {
      if (definitions.has(definition.provider))
        throw new Error(`there is a connector for ${definition.provider} already`);
      definitions.set(definition.provider, definition);
    }
    this.#definitions = definitions;
  }

  /** Every connector there is, by provider name. */
  list(): ConnectorDefinition[] {
    return [...this.#definitions.values()];
  }

  /**
   * The definition of a provider, its name in any case. Throws `invalid_argument` that lists the names there
   * are.
   */
  definition(provider: string): ConnectorDefinition {
    const definition = this.#definitions.get(provider.toUpperCase());
    if (definition) return definition;
    const known = [...this.#definitions.keys()].join(', ');
    throw invalidFields(
      [{ field: 'provider', description: `"${provider}" is not known; known are ${known}` }],
      'UNKNOWN_PROVIDER',
    );
  }

  /** A new connector, for one operation. */
  create(provider: string, context: ConnectorContext): Connector {
    return this.definition(provider).create(context);
  }
}

function toDefinition(provider: string, entry: ConnectorEntry): ConnectorDefinition {
  if (typeof entry !== 'function') return entry;
  const { STUDENT, COURSE, GROUP, TEACHER } = MappingEntityType;
  const methods = entry.prototype as Partial<SISConnector>;
  return {
    provider,
    title: provider,
    config: z.record(z.string(), z.unknown()),
    credentials: z.record(z.string(), z.string()),
    capabilities: {
      entityTypes: [
        COURSE,
        ...(methods.syncGroups ? [GROUP] : []),
        STUDENT,
        ...(methods.syncTeachers ? [TEACHER] : []),
      ],
      sendsAttendance: true,
    },
    create: () => new entry(),
  };
}
