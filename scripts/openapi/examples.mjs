// Examples: of fields, by their rules, names and comments; of messages, from those of their fields.

const UUID = '7a3c1f0e-52b4-4c8e-9d0a-0f6f3c1f2b11';

/** By the name of a field, what a school would have there. */
const BY_NAME = {
  provider: 'GENERIC_CSV',
  config: { importPath: 'school', exportPath: 'school' },
  credentials: {},
  givenName: 'Ana María',
  familyName: 'Zambrano Cedeño',
  email: 'ana.zambrano@example.org',
  nationalId: '1713175071',
  externalId: '1042',
  code: 'EST-1042',
  name: 'Matemáticas 8A',
  message: 'Connection successful',
  url: 'https://smartid.example.org/webhooks',
  cron: '0 3 * * *',
  timeZone: 'America/Guayaquil',
};

/** An example of a field; undefined where none says more than its type. */
export function exampleOf(field, schema, description) {
  if (schema.$ref) return undefined;
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return undefined;
  const fits = (value) => {
    const type = value === null ? 'null' : typeof value;
    if (type !== schema.type) return false;
    if (schema.enum && !schema.enum.includes(value)) return false;
    if (schema.maxLength !== undefined && value.length > schema.maxLength) return false;
    return !schema.pattern || new RegExp(schema.pattern).test(value);
  };
  if (schema.format === 'uuid' || /^UUID\b/.test(description)) return UUID;
  if (schema.format === 'date-time') return '2026-03-02T11:00:00Z';
  if (schema.type === 'string' && /YYYY-MM-DD/.test(description)) return '2026-03-02';
  const named = BY_NAME[field.jsonName];
  if (named !== undefined && fits(named)) return named;
  const [, said] = /\bFor example `?([\w./:*-]+[\w/*])/i.exec(description) ?? [];
  if (said !== undefined && fits(said)) return said;
  return undefined;
}
