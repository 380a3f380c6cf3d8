import { type Schema, Validator } from '@cfworker/json-schema';
import {
  type ErrorTransformer,
  type RJSFSchema,
  type RJSFValidationError,
  toErrorSchema,
  type ValidatorType,
} from '@rjsf/utils';

/** What says only that something below it is wrong. */
const ABOUT_OTHERS = new Set(['properties', 'items', 'allOf', '$ref', 'patternProperties']);

/** JSON Schema without code made of texts, which the policy of the page forbids: the usual validator makes some. */
export const validator: ValidatorType = {
  validateFormData(data, schema, _custom, transform?: ErrorTransformer) {
    const found = errorsOf(schema, data);
    const errors = transform ? transform(found) : found;
    return { errors, errorSchema: toErrorSchema(errors) };
  },
  isValid: (schema, data) => errorsOf(schema, data).length === 0,
  rawValidation: <Result>(schema: RJSFSchema, data?: unknown) => {
    return { errors: errorsOf(schema, data) as Result[] };
  },
};

export default validator;

function errorsOf(schema: RJSFSchema, data: unknown): RJSFValidationError[] {
  const result = new Validator(schema as Schema, '2020-12', false).validate(withoutUndefined(data));
  return result.errors
    .filter(({ keyword }) => !ABOUT_OTHERS.has(keyword))
    .map(({ keyword, instanceLocation, error }) => {
      const path = instanceLocation.replace(/^#/, '').split('/').slice(1).map(decodeURIComponent);
      const missing = keyword === 'required' ? /"([^"]+)"/.exec(error)?.[1] : undefined;
      const property = [...path, ...(missing === undefined ? [] : [missing])].join('.');
      return { name: keyword, property: `.${property}`, message: error, stack: error };
    });
}

/** A form leaves `undefined` where a field was emptied; JSON has no such value. */
function withoutUndefined(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data ?? {}));
}
