import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { isCancel, password, select, text } from '@clack/prompts';
import { UsageError } from './exit-codes.js';
import { printable } from './output.js';
import type { Property, Schema } from './settings.js';

const output = process.stderr;

/** Throws `UsageError` where the person gives up. */
export async function askText(message: string): Promise<string> {
  return answered(
    await text({ message, output, validate: (value) => (value ? undefined : 'It is needed.') }),
  );
}

export async function askWhich(
  message: string,
  options: { value: string; label: string }[],
): Promise<string> {
  return answered(await select<string>({ message, options, output }));
}

/** Asks for what has no default, that which is required first; nothing is left out. Lists and objects are not asked for. */
export async function askSettings(schema: Schema, given: JsonObject): Promise<JsonObject> {
  const answers: JsonObject = {};
  for (const [name, property] of open(schema, given)) {
    if (property.default !== undefined || property.type === 'object' || property.type === 'array') continue;
    const value = await askFor(name, property, schema.required?.includes(name) ?? false);
    if (value !== undefined) answers[name] = value;
  }
  return answers;
}

async function askFor(name: string, property: Property, isRequired: boolean): Promise<JsonValue | undefined> {
  const message = wordsOf(name, property);
  if (property.enum)
    return askWhich(
      message,
      property.enum.map((value) => ({ value, label: value })),
    );
  const validate = (value = '') => {
    if (!value) return isRequired ? 'It is needed.' : undefined;
    return property.type === 'string' || isJson(value) ? undefined : `It must be of type ${property.type}.`;
  };
  const value = answered(await text({ message, output, validate, defaultValue: '' }));
  if (!value) return undefined;
  return property.type === 'string' ? value : JSON.parse(value);
}

/** Asks for credentials, which are not shown while they are typed. */
export async function askSecrets(schema: Schema, given: JsonObject): Promise<JsonObject> {
  const answers: JsonObject = {};
  for (const [name, property] of open(schema, given)) {
    const isRequired = schema.required?.includes(name) ?? false;
    const validate = (value = '') => (value || !isRequired ? undefined : 'It is needed.');
    const value = answered(await password({ message: wordsOf(name, property), output, validate }));
    if (value) answers[name] = value;
  }
  return answers;
}

function open({ properties = {}, required = [] }: Schema, given: JsonObject): [string, Property][] {
  const left = Object.entries(properties).filter(([name]) => !(name in given));
  return left.sort(([one], [other]) => Number(required.includes(other)) - Number(required.includes(one)));
}

const wordsOf = (name: string, { description }: Property) =>
  printable(description ? `${name}: ${description}` : name);

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

function answered(answer: string | symbol | undefined): string {
  if (isCancel(answer) || typeof answer === 'symbol') throw new UsageError('Nothing was done.');
  return answer ?? '';
}
