import { create, type DescMethod, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type ApproveSyncResponse,
  ApproveSyncResponseSchema,
  type DiscardSyncResponse,
  DiscardSyncResponseSchema,
  type PreviewSyncResponse,
  PreviewSyncResponseSchema,
  type RollbackSyncResponse,
  RollbackSyncResponseSchema,
  type SendAttendanceResponse,
  SendAttendanceResponseSchema,
  type SyncDataResponse,
  SyncDataResponseSchema,
  type TestConnectionResponse,
  TestConnectionResponseSchema,
} from '../../../gen/smartid/integrations/v1/integration_service_pb.js';
import {
  SyncRun_Status as Status,
  type SyncCounts,
  type SyncRun,
} from '../../../gen/smartid/integrations/v1/sync_pb.js';

/** What a call came to that went well as a call. */
export interface Outcome {
  /** Whether it did what was asked. */
  isGood: boolean;
  /** What the log says of it: ids and numbers, nothing that a school wrote. */
  facts: Readonly<Record<string, unknown>>;
}

const READERS = new Map<string, (message: never) => Outcome>([
  [
    SyncDataResponseSchema.typeName,
    ({ runId, status, counts }: SyncDataResponse) => ofRun({ id: runId, status, counts }),
  ],
  [PreviewSyncResponseSchema.typeName, ({ run }: PreviewSyncResponse) => ofRun(run)],
  [ApproveSyncResponseSchema.typeName, ({ run }: ApproveSyncResponse) => ofRun(run)],
  [RollbackSyncResponseSchema.typeName, ({ run }: RollbackSyncResponse) => ofRun(run)],
  [DiscardSyncResponseSchema.typeName, ({ run }: DiscardSyncResponse) => ofRun(run)],
  [
    SendAttendanceResponseSchema.typeName,
    ({ success, sent, confirmed, unchanged, withheld, errors }: SendAttendanceResponse) => ({
      isGood: success,
      facts: {
        outcome: success ? 'SENT' : 'FAILED',
        sent,
        confirmed,
        unchanged,
        withheld,
        errors: errors.length,
      },
    }),
  ],
  [
    TestConnectionResponseSchema.typeName,
    ({ success }: TestConnectionResponse) => ({
      isGood: success,
      facts: { outcome: success ? 'CONNECTED' : 'FAILED' },
    }),
  ],
]);

/**
 * What the answer of a method says of its work, and of which integration that is, both given as messages or as
 * the shapes of such; undefined for all that are only looked up.
 */
export function outcomeOf({ output }: DescMethod, answer: object, asked: object): Outcome | undefined {
  const read = READERS.get(output.typeName);
  if (!read) return undefined;
  const { isGood, facts } = read(create(output, answer as MessageInitShape<typeof output>) as never);
  const { id: integrationId, sessionId } = asked as { id?: string; sessionId?: string };
  return { isGood, facts: { integrationId, sessionId, ...facts } };
}

function ofRun(run: Partial<Pick<SyncRun, 'id' | 'status' | 'counts'>> | undefined): Outcome {
  const { id, status = Status.STATUS_UNSPECIFIED, counts } = run ?? {};
  const isGood = [Status.COMPLETED, Status.PREVIEWED, Status.DISCARDED].includes(status);
  return { isGood, facts: { outcome: Status[status], runId: id, counts: counts && numbersOf(counts) } };
}

/** Those that are not 0. */
function numbersOf(counts: SyncCounts): Record<string, number> {
  const entries = Object.entries(counts) as [string, unknown][];
  return Object.fromEntries(
    entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] > 0),
  );
}
