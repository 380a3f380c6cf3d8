import assert from 'node:assert/strict';
import type { ConnectorDefinition } from '../connector-definition.js';
import { ConnectorError } from '../connector-error.js';
import { type ExternalRecord, type Pages, wholePage } from '../external-record.js';
import type { MappingEntityType } from '../mapping-entity-type.js';
import { type OneEntity, RosterConnector } from '../roster-connector.js';
import type { ConformanceCase } from './conformance-case.js';
import type { KitSession } from './kit-session.js';
import type { Simulation } from './simulation.js';

type Within = (work: (session: KitSession) => Promise<void>) => () => Promise<void>;

/** What must hold for the entity types of which a connector reads single entities. */
export function singleCases(
  definition: ConnectorDefinition,
  can: Simulation,
  within: Within,
  { network }: { network: boolean },
): ConformanceCase[] {
  const { config } = can.settings('http://127.0.0.1:1', 1_000);
  const { readsOne = [] } = definition.capabilitiesWith?.(config) ?? definition.capabilities;
  return readsOne.flatMap((entityType) => [
    {
      name: `reads a single ${entityType} as its list has it`,
      run: within(async (session) => {
        const ids = session.simulation.expected[entityType] ?? [];
        const listed = await recordsOf(session, entityType);
        for (const id of [ids[0], ids.at(-1)]) {
          assert.ok(id !== undefined, `the simulation needs several ${entityType}`);
          const found = await one(session, entityType, id);
          assert.ok(
            found,
            `one('${entityType}', '${id}') is ${found}, though the system has it: return its record`,
          );
          assert.deepEqual(
            told(found.record),
            told(listed.get(id)),
            'a single record says what its row of the list says',
          );
        }
      }),
    },
    {
      name: `has no single ${entityType} that the system does not have`,
      run: within(async (session) => {
        const id = session.simulation.absentId ?? 'no-such-id';
        const found = await one(session, entityType, id);
        assert.ok(!found, `one('${entityType}', '${id}') gives a record, and the system has none of this id`);
      }),
    },
    ...(network
      ? [
          {
            name: `takes no single ${entityType} for gone when the system fails`,
            run: within(async (session) => {
              const [id = ''] = session.simulation.expected[entityType] ?? [];
              session.server.faultOf = () => ({ kind: 'status', status: 500 });
              await assert.rejects(
                one(session, entityType, id),
                (error) => error instanceof ConnectorError,
                'a failure is an error: null would say that it is gone',
              );
            }),
          },
        ]
      : []),
  ]);
}

async function one(
  session: KitSession,
  entityType: MappingEntityType,
  id: string,
): Promise<OneEntity | null | undefined> {
  return session.connected(async (connector) => {
    assert.ok(
      connector instanceof RosterConnector && connector.one,
      `it declares readsOne, and has no method one: write it, or declare none`,
    );
    return connector.one(entityType, id);
  });
}

async function recordsOf(
  session: KitSession,
  entityType: MappingEntityType,
): Promise<Map<string, ExternalRecord>> {
  return session.connected(async (connector) => {
    const found = new Map<string, ExternalRecord>();
    const source = connector instanceof RosterConnector ? connector.source(entityType) : undefined;
    for await (const page of (source?.entities ?? []) as Pages<ExternalRecord>)
      for (const record of wholePage(page).records) found.set(record.externalId ?? '', record);
    return found;
  });
}

/** What a record says, without where it stood in a file. */
function told(record: ExternalRecord | undefined): unknown {
  const { line: _, cells: __, ...rest } = record ?? {};
  return JSON.parse(JSON.stringify(rest));
}
