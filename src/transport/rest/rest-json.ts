import {
  type DescField,
  type DescMessage,
  getOption,
  type JsonValue,
  type Message,
  toJson,
} from '@bufbuild/protobuf';
import { nullable } from '../../../gen/smartid/api/v1/annotations_pb.js';
import type { JsonOptions } from './rest-response.js';

/**
 * The JSON of an answer over REST: enum fields that are not set are left out, and the fields that the contract
 * marks as nullable are always there.
 */
export function toRestJson(desc: DescMessage, message: Message, options: JsonOptions): JsonValue {
  const json = toJson(desc, message, options);
  shape(desc, json);
  return json;
}

/** The fields of a message that something is done about. */
interface Rules {
  /** Enum fields, and the name of their value that means "not set". */
  enums: { key: string; zero: string }[];
  /** Fields that are null when they are absent. */
  nullable: string[];
  /** Fields with messages in which something is done. */
  inner: { key: string; desc: DescMessage; isList: boolean }[];
}

function shape(desc: DescMessage, json: JsonValue): void {
  const rules = rulesOf(desc);
  if (!rules) return;
  const object = json as { [name: string]: JsonValue };
  for (const { key, zero } of rules.enums) if (object[key] === zero) delete object[key];
  for (const key of rules.nullable) object[key] ??= null;
  for (const { key, desc: of, isList } of rules.inner) {
    const value = object[key];
    if (value === undefined) continue;
    if (isList) for (const item of value as JsonValue[]) shape(of, item);
    else shape(of, value);
  }
}

const known = new WeakMap<DescMessage, Rules | null>();

/** undefined: the message is written as it is. */
function rulesOf(desc: DescMessage): Rules | undefined {
  const before = known.get(desc);
  if (before !== undefined) return before ?? undefined;
  const rules: Rules = { enums: [], nullable: [], inner: [] };
  // A message within itself finds them when they are complete.
  known.set(desc, rules);
  for (const field of desc.fields) addRules(rules, field);
  const isEmpty = rules.enums.length + rules.nullable.length + rules.inner.length === 0;
  if (isEmpty) known.set(desc, null);
  return isEmpty ? undefined : rules;
}

function addRules(rules: Rules, field: DescField): void {
  const { jsonName: key } = field;
  if (getOption(field, nullable)) rules.nullable.push(key);
  const zero = field.fieldKind === 'enum' ? field.enum.value[0]?.name : undefined;
  if (zero) rules.enums.push({ key, zero });
  const isList = field.fieldKind === 'list';
  const inner = field.fieldKind === 'message' || isList ? field.message : undefined;
  // Well-known types have a JSON of their own.
  if (inner && !inner.typeName.startsWith('google.') && rulesOf(inner))
    rules.inner.push({ key, desc: inner, isList });
}
