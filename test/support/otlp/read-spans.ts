import { BinaryReader } from '@bufbuild/protobuf/wire';

/** A span as a collector receives it. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty where there is none. */
  parentId: string;
  name: string;
  attributes: Readonly<Record<string, string | number | undefined>>;
  /** 0: not said, 1: well, 2: it failed. */
  status: number;
  service: string | number | undefined;
}

type Read<T> = (reader: BinaryReader, field: number, into: T) => boolean;

/** The spans of an ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1), read by its numbers. */
export function readSpans(body: Uint8Array): ReceivedSpan[] {
  const spans: ReceivedSpan[] = [];
  message(body, {}, (request, field) => {
    if (field !== 1) return false;
    let service: string | number | undefined;
    message(request.bytes(), {}, (resourceSpans, part) => {
      if (part === 1) {
        message(resourceSpans.bytes(), {}, (resource, nth) => {
          if (nth !== 1) return false;
          const [key, value] = attribute(resource.bytes());
          if (key === 'service.name') service = value;
          return true;
        });
        return true;
      }
      if (part !== 2) return false;
      message(resourceSpans.bytes(), {}, (scope, nth) => {
        if (nth === 2) spans.push({ ...span(scope.bytes()), service });
        return nth === 2;
      });
      return true;
    });
    return true;
  });
  return spans;
}

function span(body: Uint8Array): Omit<ReceivedSpan, 'service'> {
  const attributes: Record<string, string | number | undefined> = {};
  const empty = { traceId: '', spanId: '', parentId: '', name: '', attributes, status: 0 };
  return message(body, empty, (reader, field, into) => {
    if (field === 1) into.traceId = hex(reader.bytes());
    else if (field === 2) into.spanId = hex(reader.bytes());
    else if (field === 4) into.parentId = hex(reader.bytes());
    else if (field === 5) into.name = reader.string();
    else if (field === 9) {
      const [key, value] = attribute(reader.bytes());
      attributes[key] = value;
    } else if (field === 15) {
      message(reader.bytes(), {}, (status, nth) => {
        if (nth === 3) into.status = status.int32();
        return nth === 3;
      });
    } else return false;
    return true;
  });
}

function attribute(body: Uint8Array): [key: string, value: string | number | undefined] {
  const pair = message(
    body,
    { key: '', value: undefined as string | number | undefined },
    (reader, field, into) => {
      if (field === 1) into.key = reader.string();
      else if (field === 2) {
        message(reader.bytes(), {}, (any, nth) => {
          if (nth === 1) into.value = any.string();
          else if (nth === 3) into.value = Number(any.int64());
          else if (nth === 4) into.value = any.double();
          else return false;
          return true;
        });
      } else return false;
      return true;
    },
  );
  return [pair.key, pair.value];
}

/** Reads the fields of a message; those that `read` does not take are passed over. */
function message<T>(body: Uint8Array, into: T, read: Read<T>): T {
  const reader = new BinaryReader(body);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (!read(reader, field, into)) reader.skip(type);
  }
  return into;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
