import type { DescField, DescMessage } from '@bufbuild/protobuf';

/**
 * What a message is made of, as `create` of protobuf-es takes it: fields that are not set may be missing, and
 * messages within it are plain objects. A message is one of these.
 */
// biome-ignore lint/suspicious/noExplicitAny: fields are of any type; what they are is told by descriptors
export type Shape = Record<string, any>;

export const STRUCT = 'google.protobuf.Struct';
export const TIMESTAMP = 'google.protobuf.Timestamp';

const VALUE = 'google.protobuf.Value';
const WRAPPER = /^google\.protobuf\.(Double|Float|U?Int64|U?Int32|Bool|String|Bytes)Value$/;
const IMPLICIT = 2;
const LEGACY_REQUIRED = 3;

/** The fields of a message in the order in which they are written. */
export function fieldsOf(desc: DescMessage): DescField[] {
  for (const field of desc.fields) {
    const isGroup = 'delimitedEncoding' in field && field.delimitedEncoding;
    if (isGroup || field.presence === LEGACY_REQUIRED)
      throw new Error(`${field.toString()}: groups and required fields cannot be written`);
  }
  return [...desc.fields].sort((a, b) => a.number - b.number);
}

/** Reads a field of a message; undefined when it is not set, or is left out by its shape. */
export function getterOf({ oneof, localName }: DescField): (message: Shape) => unknown {
  if (!oneof) return (message) => message[localName];
  const group = oneof.localName;
  return (message) => (message[group]?.case === localName ? message[group].value : undefined);
}

/** Whether a field that has the value of zero is one that is not set. */
export function isImplicit({ presence, oneof }: DescField): boolean {
  return presence === IMPLICIT && !oneof;
}

/** Whether the messages of a field are JSON objects: google.protobuf.Struct, except within its own kind. */
export function holdsJson({ message, parent }: DescField): boolean {
  return message?.typeName === STRUCT && parent?.typeName !== VALUE;
}

/** The field within a google.protobuf.StringValue and its kin, which protobuf-es keeps as their bare value. */
export function unwrapped({ fieldKind, message, oneof }: DescField): DescField | undefined {
  if (fieldKind !== 'message' || oneof || !message || !WRAPPER.test(message.typeName)) return undefined;
  return message.fields[0];
}
