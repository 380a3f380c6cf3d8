import type { MessageInitShape } from '@bufbuild/protobuf';
import type { UploadedFileSchema, UploadedListSchema } from '../../gen/smartid/integrations/v1/file_pb.js';
import type { UploadFileRequest } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import { MappingEntityType } from '../../gen/smartid/integrations/v1/mapping_pb.js';
import { SyncIssue_Severity } from '../../gen/smartid/integrations/v1/sync_pb.js';
import type { TakenFile, UnderstoodList } from '../connectors/index.js';
import { invalidFields } from '../errors.js';
import { enumValue } from './convert/to-message.js';
import type { IntegrationRpcs, RpcParts } from './rpc-types.js';

/** Files that are uploaded for integrations. */
export function files({ integrationService }: Pick<RpcParts, 'integrationService'>) {
  return {
    async uploadFile(messages) {
      const pieces = messages[Symbol.asyncIterator]();
      try {
        const { value: first, done } = await pieces.next();
        if (done || first.id === '') throw missing('id');
        if (first.fileName === '') throw missing('fileName');
        const file = await integrationService.uploadFile(first.id, {
          fileName: first.fileName,
          list: first.list || undefined,
          validateOnly: first.validateOnly,
          content: contentOf(first, pieces),
        });
        return { file: toFileMessage(file) };
      } finally {
        await pieces.return?.();
      }
    },
  } satisfies Partial<IntegrationRpcs>;
}

async function* contentOf(
  first: UploadFileRequest,
  pieces: AsyncIterator<UploadFileRequest>,
): AsyncGenerator<Uint8Array> {
  if (first.data.length > 0) yield first.data;
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value.data;
}

function missing(field: string): Error {
  return invalidFields([{ field, description: 'must be in the first message' }]);
}

function toFileMessage({
  sizeBytes,
  lists,
  ...file
}: TakenFile): MessageInitShape<typeof UploadedFileSchema> {
  return { ...file, sizeBytes: BigInt(sizeBytes), lists: lists.map(toListMessage) };
}

function toListMessage(list: UnderstoodList): MessageInitShape<typeof UploadedListSchema> {
  return {
    ...list,
    entityType: list.entityType && enumValue(MappingEntityType, list.entityType),
    columns: [...list.columns],
    rows: list.rows.map(({ line, cells }) => ({ line, cells: [...cells] })),
    issues: list.issues.map(({ severity, problem, file, line, column, value, rule, hint }, index) => ({
      number: index + 1,
      severity: severity === 'error' ? SyncIssue_Severity.ERROR : SyncIssue_Severity.WARNING,
      message: problem,
      rule,
      file,
      line,
      column,
      value: value?.slice(0, 200),
      hint,
    })),
  };
}
