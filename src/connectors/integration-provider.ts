/**
 * The school systems there are connectors for. A new connector adds one value here and one line in
 * connector-factory.ts.
 */
export enum IntegrationProvider {
  IDUKAY = 'IDUKAY',
  MOODLE = 'MOODLE',
  ONEROSTER = 'ONEROSTER',
  GENERIC_CSV = 'GENERIC_CSV',
}
