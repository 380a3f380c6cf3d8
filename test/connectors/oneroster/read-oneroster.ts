import {
  type Connector,
  type ConnectorContext,
  type ExternalRecord,
  MappingEntityType,
  type MembershipRecord,
  type Pages,
  type RecordIssue,
  type RecordPage,
  type RosterConnector,
  type StudentRecord,
  wholePage,
} from '../../../src/connectors/index.js';
import { oneRoster } from '../../../src/connectors/oneroster/index.js';
import { connectorContext } from '../../support/connector-context.js';
import { type Listening, listenOn } from '../../support/listen.js';
import { makeOneRosterSchool, OneRosterSimulator } from '../../support/oneroster/index.js';

const open: Listening[] = [];

/** Closes what tests opened. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((server) => server.close()));
}

/** All that a reading of one entity type gave. */
export interface Read<R> {
  records: R[];
  memberships: MembershipRecord[];
  issues: RecordIssue[];
  pages: RecordPage<R>[];
  membershipPages: RecordPage<MembershipRecord>[];
  /** Sentences of both. */
  gaps: string[];
  cursor: string | undefined;
}

/** Connects, reads one entity type to its end, and disconnects. */
export async function read<R extends ExternalRecord = StudentRecord>(
  settings: { config: object; credentials?: object },
  entityType: MappingEntityType = MappingEntityType.STUDENT,
  change: Partial<ConnectorContext> = {},
): Promise<Read<R>> {
  return connected(
    settings,
    async (connector) => {
      const source = (connector as RosterConnector<unknown, unknown>).source(entityType);
      const pages = (await all(source?.entities as Pages<R>)).map((page) => wholePage(page));
      const membershipPages = (await all(source?.memberships ?? none())).map((page) => wholePage(page));
      const both = [...pages, ...membershipPages];
      return {
        pages,
        membershipPages,
        records: pages.flatMap(({ records }) => records),
        memberships: membershipPages.flatMap(({ records }) => records),
        issues: both.flatMap(({ issues = [] }) => issues),
        gaps: both.flatMap(({ gap }) => gap ?? []),
        cursor: pages.findLast(({ cursor }) => cursor)?.cursor,
      };
    },
    change,
  );
}

/** Connects, does `work`, and disconnects. `change`: members of the context that are others. */
export async function connected<T>(
  { config, credentials = {} }: { config: object; credentials?: object },
  work: (connector: Connector) => Promise<T>,
  change: Partial<ConnectorContext & { root: string }> = {},
): Promise<T> {
  const context = { ...connectorContext(change.root ?? '/nowhere'), ...change };
  const connector = oneRoster.create(context);
  try {
    await connector.connect(
      oneRoster.config.parse(config),
      oneRoster.credentials.parse(credentials) as Record<string, string>,
    );
    return await work(connector);
  } finally {
    await connector.disconnect();
  }
}

/** A simulated school on a port, and how to reach it. */
export async function simulate(
  version: '1.1' | '1.2' = '1.2',
  size: Parameters<typeof makeOneRosterSchool>[0] = {},
) {
  const simulator = new OneRosterSimulator(version, makeOneRosterSchool(size));
  const server = await listenOn(simulator.handle);
  open.push(server);
  return {
    simulator,
    school: simulator.school,
    vices: simulator.vices,
    settings: simulator.settings(server.url),
  };
}

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const page of pages) list.push(page);
  return list;
}

async function* none(): Pages<MembershipRecord> & AsyncGenerator {}
