import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { type FieldViolation, invalidFields } from '../../errors.js';
import { requireStorable } from '../../require-storable.js';
import type { RouteMatch } from './rest-routes.js';

type JsonObject = { [key: string]: JsonValue };

/**
 * The request message of a REST call: the body, then query parameters, then path variables. Throws
 * `invalid_argument` that names the parameter or field that does not fit.
 */
export function buildRequest(
  { route, values }: RouteMatch,
  query: URLSearchParams,
  body: JsonValue | undefined,
): Message {
  const { input } = route.rpc;
  const json: JsonObject = {};
  if (route.body === '*') Object.assign(json, requireObject(body ?? {}));
  else if (route.body && body !== undefined) json[jsonName(input, route.body)] = body;
  // With body "*" all that is not in the path comes from the body: a query parameter would have no field
  // left.
  for (const name of new Set(query.keys())) {
    const path = name.split('.');
    if (route.body === '*' || !setParameter(input, json, path, query.getAll(name))) {
      throw invalidFields(
        [{ field: name, description: 'is not a query parameter of this call' }],
        'UNKNOWN_PARAMETER',
      );
    }
  }
  route.variables.forEach((variable, index) => {
    setParameter(input, json, variable, [values[index] as string]);
  });
  return parse(input, json);
}

function parse(desc: DescMessage, json: JsonObject): Message {
  // As a message on the wire half of a character would be another one.
  requireStorable(json);
  try {
    return Object.keys(json).length === 0 ? create(desc) : fromJson(desc, json);
  } catch (error) {
    throw invalidFields(
      [explain(desc, error instanceof Error ? error.message : String(error))],
      'MALFORMED_REQUEST',
    );
  }
}

/** Writes text parameters into the JSON form of a message. False when the message has no such field. */
function setParameter(
  desc: DescMessage,
  json: JsonObject,
  path: readonly string[],
  texts: readonly string[],
): boolean {
  const [name, ...rest] = path;
  const field = desc.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
  if (!field) return false;
  if (rest.length > 0) {
    if (field.fieldKind !== 'message' || field.message.typeName.startsWith('google.protobuf.')) return false;
    const inner = requireObject(json[field.jsonName] ?? json[field.name] ?? {});
    setField(json, field, inner);
    return setParameter(field.message, inner, rest, texts);
  }
  if (
    field.fieldKind === 'map' ||
    (field.fieldKind === 'message' && !field.message.typeName.startsWith('google.protobuf.'))
  )
    return false;
  const convert = (text: string) => fromText(field, text);
  setField(json, field, field.fieldKind === 'list' ? texts.map(convert) : convert(texts.at(-1) as string));
  return true;
}

/** A body may have a field under either of its names: what is set counts, and the other one goes. */
function setField(json: JsonObject, { name, jsonName: key }: DescField, value: JsonValue): void {
  delete json[name];
  json[key] = value;
}

/** The JSON form of a value that came as text. Enum names are taken in any case. */
function fromText(field: DescField, text: string): JsonValue {
  const scalar =
    field.fieldKind === 'scalar' || (field.fieldKind === 'list' && field.listKind === 'scalar')
      ? field.scalar
      : undefined;
  if (scalar === ScalarType.BOOL) {
    if (text !== 'true' && text !== 'false') {
      throw invalidFields(
        [{ field: field.jsonName, description: `"${text}" is neither true nor false` }],
        'MALFORMED_REQUEST',
      );
    }
    return text === 'true';
  }
  if (field.message?.typeName === TimestampSchema.typeName) return requireTime(field, text);
  if (field.fieldKind !== 'enum') return text;
  const value = field.enum.values.find(
    ({ name, number }) => name === text.toUpperCase() || String(number) === text,
  );
  if (value) return value.name;
  const description = `"${text}" is none of ${namesOf(field.enum)}`;
  throw invalidFields([{ field: field.jsonName, description }], 'MALFORMED_REQUEST');
}

/** Of a time that is none, protobuf-es does not say in which field it is. */
function requireTime({ jsonName }: DescField, text: string): JsonValue {
  try {
    fromJson(TimestampSchema, text);
    return text;
  } catch {
    const description = `"${text}" is no time such as 2026-03-02T11:00:00Z`;
    throw invalidFields([{ field: jsonName, description }], 'MALFORMED_REQUEST');
  }
}

function requireObject(body: JsonValue): JsonObject {
  if (body !== null && typeof body === 'object' && !Array.isArray(body)) return body;
  throw invalidFields([{ field: 'body', description: 'must be a JSON object' }], 'MALFORMED_REQUEST');
}

function jsonName(desc: DescMessage, name: string): string {
  return desc.fields.find((field) => field.name === name)?.jsonName ?? name;
}

/** Which field is wrong, and how: protobuf-es says it in its messages only. */
function explain(desc: DescMessage, message: string): FieldViolation {
  const [, unknown] = /key "([^"]+)" is unknown/.exec(message) ?? [];
  if (unknown) return { field: unknown, description: 'is not a field of this request' };
  const problem = message.replace(/^.*?from JSON: /, '');
  const [, typeName] = /cannot decode enum (\S+) from JSON/.exec(message) ?? [];
  const field = desc.fields.find(
    (candidate) => candidate.enum?.typeName === typeName && typeName !== undefined,
  );
  if (field?.enum)
    return { field: field.jsonName, description: `${problem} is none of ${namesOf(field.enum)}` };
  const [, name] = /cannot decode field \S+\.(\w+) from JSON/.exec(message) ?? [];
  return { field: name ? jsonName(desc, name) : 'body', description: problem };
}

function namesOf({ values }: DescEnum): string {
  return values.flatMap(({ name, number }) => (number === 0 ? [] : [name])).join(', ');
}
