// Messages and enums as JSON Schema, as REST reads and writes them.
import { getOption, hasOption, ScalarType } from '@bufbuild/protobuf';
import { descriptionOf } from './comments.mjs';
import { exampleOf } from './examples.mjs';

const INT32 = { type: 'integer', format: 'int32' };
const UINT32 = { type: 'integer', minimum: 0, maximum: 4294967295 };
const INT64 = { type: 'string', pattern: '^-?[0-9]+$' };
const NUMBER = { type: 'number' };

const SCALARS = {
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
  [ScalarType.DOUBLE]: NUMBER,
  [ScalarType.FLOAT]: NUMBER,
  [ScalarType.INT32]: INT32,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.UINT32]: UINT32,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.INT64]: INT64,
  [ScalarType.SINT64]: INT64,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.UINT64]: INT64,
  [ScalarType.FIXED64]: INT64,
};

const WELL_KNOWN = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Struct': { type: 'object', additionalProperties: true },
  'google.protobuf.Value': {},
  'google.protobuf.ListValue': { type: 'array', items: {} },
};

export class Schemas {
  /** By name; filled as they are referred to. */
  components = {};
  #descs = new Map();
  #inRequests = new Set();
  #inAnswers = new Set();

  constructor(rules, nullable) {
    this.rules = rules;
    this.nullable = nullable;
  }

  /** Whether messages are sent, answered or both tells which of their fields are always there. */
  learnUses(methods) {
    for (const { input, output } of methods) {
      reach(input, this.#inRequests);
      reach(output, this.#inAnswers);
    }
  }

  /** A reference to the schema of a message or enum. */
  ref(desc) {
    const name = nameOf(desc);
    const other = this.#descs.get(name);
    if (other && other !== desc) throw new Error(`${desc.typeName} and ${other.typeName} have one name`);
    if (!other) {
      this.#descs.set(name, desc);
      this.components[name] = desc.kind === 'enum' ? enumSchema(desc) : this.object(desc, desc.fields);
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** The body of a request: its message, less what the path holds. */
  body(message, isLeftOut) {
    const fields = message.fields.filter((field) => !isLeftOut(field));
    if (fields.length === 0) return undefined;
    const isRequired = fields.some((field) => this.rules.isRequired(field));
    if (fields.length === message.fields.length) return { schema: this.ref(message), isRequired };
    const name = `${nameOf(message)}Body`;
    this.components[name] ??= this.object(message, fields, true);
    return { schema: { $ref: `#/components/schemas/${name}` }, isRequired };
  }

  object(message, fields, isBody = false) {
    const properties = Object.fromEntries(fields.map((field) => [field.jsonName, this.property(field)]));
    const required = fields
      .filter((field) => this.#isAlwaysThere(field, isBody))
      .map(({ jsonName }) => jsonName);
    const sentences = this.rules.sentences(message);
    const description = [descriptionOf(message), ...sentences].filter(Boolean).join('\n\n');
    return {
      type: 'object',
      ...(description && { description }),
      properties,
      ...(required.length > 0 && { required }),
    };
  }

  /** A field with its description. */
  property(field) {
    const schema = this.value(field);
    const description = descriptionOf(field);
    const example = exampleOf(field, schema, description);
    const isNullable = hasOption(field, this.nullable) && getOption(field, this.nullable);
    return {
      ...(isNullable ? orNull(schema) : schema),
      ...(description && { description }),
      ...(field.deprecated && { deprecated: true }),
      ...(example !== undefined && { examples: [example] }),
    };
  }

  /** The value of a field, with its rules. */
  value(field) {
    const mayBeZero = this.#inAnswers.has(field.parent) && this.rules.sparesZero(field);
    const keywords = mayBeZero ? {} : this.rules.keywords(field);
    if (field.fieldKind === 'list') {
      const { items, ...ofList } = keywords;
      return { type: 'array', items: { ...this.#element(field), ...items }, ...ofList };
    }
    if (field.fieldKind === 'map')
      return { type: 'object', additionalProperties: this.#element(field), ...keywords };
    return { ...this.#element(field), ...keywords };
  }

  #element(field) {
    if (field.message) return WELL_KNOWN[field.message.typeName] ?? this.ref(field.message);
    if (field.enum) return this.ref(field.enum);
    return SCALARS[field.scalar];
  }

  /** In answers: what has a value even where nothing was set. In requests: what is refused when it is missing. */
  #isAlwaysThere(field, isBody) {
    const { parent } = field;
    const isWritten =
      field.fieldKind === 'list' ||
      field.fieldKind === 'map' ||
      (field.presence === 2 && field.fieldKind === 'scalar') ||
      (hasOption(field, this.nullable) && getOption(field, this.nullable));
    if (!this.#inRequests.has(parent)) return isWritten;
    const isTaken = this.rules.isRequired(field);
    const isAnswered = this.#inAnswers.has(parent) && !isBody;
    return isTaken && (!isAnswered || isWritten || field.fieldKind === 'message');
  }
}

/** The name of a message or enum without its package. */
export function nameOf({ typeName, file }) {
  return typeName.slice(file.proto.package.length + 1).replaceAll('.', '');
}

function reach(message, reached) {
  if (reached.has(message)) return;
  reached.add(message);
  for (const { message: inner } of message.fields) if (inner) reach(inner, reached);
}

function enumSchema(desc) {
  const values = desc.values.filter(({ name, number }) => number !== 0 || !name.endsWith('_UNSPECIFIED'));
  const lines = values.map((value) => `- \`${value.name}\`: ${descriptionOf(value)}`);
  return {
    type: 'string',
    description: [descriptionOf(desc), lines.join('\n')].filter(Boolean).join('\n\n'),
    enum: values.map(({ name }) => name),
  };
}

function orNull(schema) {
  if (schema.$ref) return { anyOf: [schema, { type: 'null' }] };
  return { ...schema, type: [schema.type, 'null'] };
}
