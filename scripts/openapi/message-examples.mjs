// Examples of bodies, made of those of their fields: what is always there, and what has an example of its own.

const DEEPEST = 6;

/** An example that fits the schema. */
export function exampleOfSchema(schema, components, depth = 0) {
  if (schema.examples) return schema.examples[0];
  if (schema.$ref) return exampleOfSchema(components[schema.$ref.split('/').at(-1)], components, depth);
  if (schema.anyOf) return exampleOfSchema({ type: schema.type, ...schema.anyOf[0] }, components, depth);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (Array.isArray(schema.type)) return null;
  switch (schema.type) {
    case 'object':
      return exampleOfObject(schema, components, depth);
    case 'array':
      return depth < DEEPEST && schema.items.$ref
        ? [exampleOfSchema(schema.items, components, depth + 1)]
        : [];
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    case 'string':
      return exampleOfString(schema);
    default:
      return {};
  }
}

function exampleOfObject({ properties = {}, required = [] }, components, depth) {
  const shown = Object.entries(properties).filter(([name, property]) => {
    if (required.includes(name)) return true;
    return !property.deprecated && (property.examples || (depth === 0 && property.$ref));
  });
  return Object.fromEntries(
    shown.map(([name, property]) => [name, exampleOfSchema(property, components, depth + 1)]),
  );
}

function exampleOfString({ format, minLength = 0, pattern, contentEncoding }) {
  if (format === 'uuid') return '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11';
  if (format === 'date-time') return '2026-03-02T11:00:00Z';
  if (contentEncoding) return '';
  if (pattern && new RegExp(pattern).test('1')) return '1';
  return '…'.padEnd(minLength, '…');
}
