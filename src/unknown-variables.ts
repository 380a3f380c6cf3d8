import { distance } from 'fastest-levenshtein';

/** Variables of other programs that look like ours. */
const OTHERS = new Set([
  'HOME',
  'HOSTNAME',
  'HOSTTYPE',
  'LOGNAME',
  'LOG_DIR',
  'NODE_OPTIONS',
  'NODE_PATH',
  'NODE_VERSION',
  // The exporter of traces reads these itself.
  'OTEL_EXPORTER_OTLP_CERTIFICATE',
  'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE',
  'OTEL_EXPORTER_OTLP_CLIENT_KEY',
  'OTEL_EXPORTER_OTLP_COMPRESSION',
]);
/** What Kubernetes sets for each service of a namespace, whatever its name. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)$/;
const MAX_DISTANCE = 2;

/**
 * Variables that nobody reads although they look as if this service did: near the name of one that it reads,
 * or with the beginning of one. A sentence each.
 */
export function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
): string[] {
  const beginnings = new Set(
    known.filter((name) => name.includes('_')).map((name) => `${name.split('_', 1)[0]}_`),
  );
  beginnings.delete('NODE_');
  return Object.keys(env).flatMap((name) => {
    if (known.includes(name) || OTHERS.has(name) || SERVICE_LINK.test(name) || env[name] === '') return [];
    const [nearest] = known
      .filter((other) => other.length > 5 && distance(name, other) <= MAX_DISTANCE)
      .sort((a, b) => distance(name, a) - distance(name, b));
    if (nearest) return [`${name} is not read. Is it meant to be ${nearest}?`];
    const isLike = [...beginnings].some((beginning) => name.startsWith(beginning));
    return isLike ? [`${name} is not read: there is no such variable. See docs/operations.md.`] : [];
  });
}
