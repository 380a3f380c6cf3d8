import { MappingEntityType } from '../../../clients/typescript/src/node.js';
import { agreeTo } from '../ask.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { printDone, printLine, printList, printMessage } from '../output.js';
import type { Session } from '../session.js';
import { enumValue } from '../values.js';

const typeOf = (text = '') => enumValue(MappingEntityType, text, 'The entity type', ['ALL']);

interface Either {
  external?: string;
  internal?: string;
}

function keyOf({ external, internal }: Either) {
  if ((external === undefined) === (internal === undefined))
    throw new UsageError('Say which: --external ID or --internal ID.');
  return external === undefined ? { internalId: internal ?? '' } : { externalId: external };
}

export function listMappings({ api, json }: Session, [id = '']: string[], { entity }: { entity: string }) {
  const all = api.each.listMappings({ id, entityType: typeOf(entity), pageSize: 1_000 });
  return printList({ json }, all, ['externalId', 'internalId', 'status', 'updatedAt']);
}

export async function findMapping({ api }: Session, [id = '', entity]: string[], options: Either) {
  const { mapping } = await api.getMapping({ id, entityType: typeOf(entity), ...keyOf(options) });
  return printMessage(mapping);
}

export function mappingHistory({ api, json }: Session, [id = '', entity]: string[], options: Either) {
  const request = { id, entityType: typeOf(entity), ...keyOf(options), pageSize: 1_000 };
  const columns = ['changedAt', 'action', 'externalId', 'internalId', 'runKind', 'runId', 'reason'];
  return printList({ json }, api.each.getMappingHistory(request), columns);
}

export async function rekeyMapping(
  { api, json }: Session,
  [id = '', entity]: string[],
  options: { from: string; to: string; reason?: string; yes?: boolean },
) {
  const entityType = typeOf(entity);
  const { mapping } = await api.getMapping({ id, entityType, externalId: options.from });
  await agreeTo(`${mapping?.internalId} gets the id ${options.to} in place of ${options.from}.`, options.yes);
  const { mapping: made } = await api.rekeyMapping({
    id,
    entityType,
    externalId: options.from,
    newExternalId: options.to,
    reason: options.reason ?? '',
  });
  if (json) return printMessage(made);
  printLine(`${made?.externalId} is ${made?.internalId}.`);
  return EXIT.done;
}

export async function mergeMappings(
  { api, json }: Session,
  [id = '', entity]: string[],
  options: { keep: string; drop: string; keepExternal?: string; reason?: string; yes?: boolean },
) {
  const { keep, drop, keepExternal = '', reason = '', yes } = options;
  await agreeTo(`${drop} becomes ${keep}, with memberships and attendance. This cannot be taken back.`, yes);
  await api.mergeMappings({
    id,
    entityType: typeOf(entity),
    keepInternalId: keep,
    dropInternalId: drop,
    keepExternalId: keepExternal,
    reason,
  });
  return printDone({ json }, `${drop} is ${keep} now.`);
}

export async function unlinkMapping(
  { api, json }: Session,
  [id = '', entity]: string[],
  options: { external: string; reason?: string; yes?: boolean },
) {
  const { external, reason = '', yes } = options;
  const entityType = typeOf(entity);
  const { mapping } = await api.getMapping({ id, entityType, externalId: external });
  await agreeTo(`${external} no longer stands for ${mapping?.internalId}; the next sync decides anew.`, yes);
  await api.unlinkMapping({ id, entityType, externalId: external, reason });
  return printDone({ json }, `${external} stands for nobody now.`);
}
