// The rules of protovalidate as keywords of JSON Schema.
import { getOption, hasOption, ScalarType } from '@bufbuild/protobuf';

const IGNORE_ALWAYS = 3;
const IGNORE_IF_ZERO = 1;

export class Rules {
  constructor(extension) {
    this.ofFields = extension('buf.validate.field');
    this.ofMessages = extension('buf.validate.message');
  }

  /** What holds for a field: keywords to merge with those of its type. */
  keywords(field) {
    const rules = this.#of(field);
    return rules ? keywordsOf(rules) : {};
  }

  /** Whether the rules are for what is set alone: in answers there may be a zero. */
  sparesZero(field) {
    return this.#of(field)?.ignore === IGNORE_IF_ZERO;
  }

  /** Whether a request without the field is refused. */
  isRequired(field) {
    const rules = this.#of(field);
    if (!rules || rules.ignore === IGNORE_IF_ZERO) return false;
    if (rules.required) return true;
    const isImplicit = field.presence === 2 && field.fieldKind !== 'message';
    return isImplicit && refusesZero(field, rules);
  }

  /** Enum values that are refused, by number. */
  refusedNumbers(field) {
    const { type } = this.#of(field) ?? {};
    return type?.case === 'enum' ? type.value.notIn : [];
  }

  /** Of a message: a sentence for each rule over several fields. */
  sentences(message) {
    if (!hasOption(message, this.ofMessages)) return [];
    const { cel, oneof } = getOption(message, this.ofMessages);
    const names = (fields) =>
      fields.map((name) => `\`${message.fields.find((f) => f.name === name).jsonName}\``);
    return [
      ...cel.map(({ message: sentence }) => `${sentence}.`),
      ...oneof.map(({ fields, required }) => {
        return `${required ? 'Exactly' : 'At most'} one of ${names(fields).join(', ')} is set.`;
      }),
    ];
  }

  #of(field) {
    if (!hasOption(field, this.ofFields)) return undefined;
    const rules = getOption(field, this.ofFields);
    return rules.ignore === IGNORE_ALWAYS ? undefined : rules;
  }
}

function keywordsOf({ type }) {
  switch (type.case) {
    case undefined:
      return {};
    case 'string':
      return stringKeywords(type.value);
    case 'bytes':
      return {};
    case 'enum':
      return {};
    case 'repeated':
      return defined({
        minItems: positive(type.value.minItems),
        maxItems: positive(type.value.maxItems),
        uniqueItems: type.value.unique || undefined,
        items: type.value.items ? keywordsOf(type.value.items) : undefined,
      });
    case 'map':
      return defined({
        minProperties: positive(type.value.minPairs),
        maxProperties: positive(type.value.maxPairs),
      });
    case 'bool':
    case 'timestamp':
      return {};
    default:
      return numberKeywords(type.value);
  }
}

function stringKeywords(rules) {
  const format = rules.wellKnown.case && FORMATS[rules.wellKnown.case];
  if (rules.wellKnown.case && !format)
    throw new Error(`no format is known for string.${rules.wellKnown.case}`);
  return defined({
    minLength: positive(rules.len || rules.minLen),
    maxLength: positive(rules.len || rules.maxLen),
    pattern: rules.pattern || undefined,
    format,
    enum: rules.in.length > 0 ? rules.in : undefined,
    const: rules.const || undefined,
  });
}

const FORMATS = { uuid: 'uuid', email: 'email', uri: 'uri', uriRef: 'uri-reference', hostname: 'hostname' };

function numberKeywords({ lessThan, greaterThan, in: values }) {
  const keywords = { lt: 'exclusiveMaximum', lte: 'maximum', gt: 'exclusiveMinimum', gte: 'minimum' };
  return {
    ...(lessThan?.case && { [keywords[lessThan.case]]: Number(lessThan.value) }),
    ...(greaterThan?.case && { [keywords[greaterThan.case]]: Number(greaterThan.value) }),
    ...(values?.length > 0 && { enum: values.map(Number) }),
  };
}

function refusesZero(field, { type }) {
  const { case: kind, value } = type;
  if (kind === 'string')
    return Boolean(
      value.wellKnown.case ||
        value.minLen > 0n ||
        value.len > 0n ||
        (value.pattern && !new RegExp(value.pattern).test('')),
    );
  if (kind === 'enum') return value.notIn.includes(0);
  if (kind === 'repeated') return value.minItems > 0n;
  if (field.fieldKind !== 'scalar' || field.scalar === ScalarType.BOOL) return false;
  const { case: bound, value: least } = value?.greaterThan ?? {};
  return (bound === 'gt' && least >= 0) || (bound === 'gte' && least > 0);
}

function positive(value) {
  return value > 0n ? Number(value) : undefined;
}

function defined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
