import { fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type UploadedFile, UploadedFileSchema } from '@gen/smartid/integrations/v1/file_pb.js';
import { session } from './session.js';

/** Where files lie that are given here; the service puts the id in. */
export const UPLOADS = 'uploads/{id}';

/** Whether an integration with these settings reads what is given here. */
export function takesUploads(config: JsonObject | undefined): boolean {
  return config?.importPath === UPLOADS && !config.s3Bucket;
}

export interface Upload {
  id: string;
  file: File;
  /** What it holds; empty: its name says so. */
  list: string;
  /** Whether to tell how it would be understood, and keep nothing. */
  validateOnly: boolean;
}

const CODES: Readonly<Record<number, Code>> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  409: Code.Aborted,
  413: Code.ResourceExhausted,
  429: Code.ResourceExhausted,
  503: Code.Unavailable,
};

/** Sends a file as a form: browsers cannot stream the pieces that UploadFile takes. */
export async function uploadFile({ id, file, list, validateOnly }: Upload): Promise<UploadedFile> {
  const form = new FormData();
  form.append('file', file, file.name);
  const query = new URLSearchParams({ validateOnly: String(validateOnly), ...(list && { list }) });
  const answer = await fetch(`/integrations/${id}/files?${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${session.token}` },
    body: form,
  });
  const body = (await answer.json().catch(() => undefined)) as JsonValue | undefined;
  if (answer.ok && body !== undefined)
    return fromJson(UploadedFileSchema, body, { ignoreUnknownFields: true });
  if (answer.status === 401) session.close(true);
  const { message } = (body ?? {}) as { message?: string };
  const code = CODES[answer.status] ?? Code.Internal;
  throw new ConnectError(message ?? answer.statusText, code, answer.headers);
}
