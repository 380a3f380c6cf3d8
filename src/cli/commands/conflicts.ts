import { ConnectError } from '@connectrpc/connect';
import {
  ErrorInfoSchema,
  MappingEntityType,
  SyncConflict_Resolution as Resolution,
} from '../../../clients/typescript/src/node.js';
import { agreeTo } from '../ask.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { printLine, printList, printMessage, remark } from '../output.js';
import type { Session } from '../session.js';
import { enumValue } from '../values.js';

export function listConflicts(
  { api, json }: Session,
  [id = '']: string[],
  { resolved = false }: { resolved?: boolean },
) {
  const all = api.each.listConflicts({ id, resolved, pageSize: 1_000 });
  return printList({ json }, all, [
    'id',
    'entityType',
    'externalId',
    'resolution',
    'reason',
    'record',
    'candidates',
  ]);
}

export async function resolveConflict(
  { api, json }: Session,
  [id = '', conflictId = '']: string[],
  options: { link?: string; create?: boolean; ignore?: boolean },
) {
  const { link, create, ignore } = options;
  if ([link !== undefined, create, ignore].filter(Boolean).length !== 1)
    throw new UsageError('Say what it is: --link PERSON, --create or --ignore.');
  const resolution = create ? Resolution.CREATE : ignore ? Resolution.IGNORE : Resolution.LINK;
  const answer = api.resolveConflict({
    id,
    conflictId,
    resolution,
    ...(link !== undefined && { internalId: link }),
  });
  const { conflict } = await answer.catch(async (error: unknown) => {
    if (link !== undefined && isMappedAlready(error)) await sayHowToRekey(api, id, conflictId, link);
    throw error;
  });
  if (json) return printMessage(conflict);
  printLine(`${conflict?.externalId}: ${Resolution[resolution]}; the next sync does it.`);
  return EXIT.done;
}

const isMappedAlready = (error: unknown) =>
  ConnectError.from(error)
    .findDetails(ErrorInfoSchema)
    .some(({ reason }) => reason === 'LINK_TARGET_MAPPED');

/** A person has one id of a school: the new one takes the place of the former by a re-key. */
async function sayHowToRekey(api: Session['api'], id: string, conflictId: string, internalId: string) {
  for await (const { id: found, entityType, externalId } of api.each.listConflicts({ id, pageSize: 1_000 })) {
    if (found !== conflictId) continue;
    const { mapping } = await api.getMapping({
      id,
      entityType,
      internalId,
    });
    if (!mapping) return;
    const options = `--from "${mapping.externalId}" --to "${externalId}"`;
    remark(
      `If it is the same person under a new id: smartid mappings rekey ${id} ${MappingEntityType[entityType]} ${options}`,
    );
    return;
  }
}

export async function resolveAll(
  { api, json }: Session,
  [id = '']: string[],
  options: { entity: string; rule: string; as: string; reason?: string; preview?: boolean; yes?: boolean },
) {
  const request = {
    id,
    entityType: enumValue(MappingEntityType, options.entity, '--entity'),
    rule: options.rule,
    resolution: enumValue(Resolution, options.as, '--as'),
    reason: options.reason ?? '',
  };
  const seen = await api.resolveConflicts({ ...request, preview: true });
  if (!options.preview) {
    remark(`${seen.resolved} would be decided, ${seen.rekeyed} of them get a new id, ${seen.left} stay.`);
    await agreeTo(`Decide ${seen.resolved} conflicts?`, options.yes);
    const done = await api.resolveConflicts(request);
    if (json) return printMessage(done);
    printLine(`${done.resolved} decided, ${done.rekeyed} of them with a new id, ${done.left} stay.`);
    return EXIT.done;
  }
  if (json) return printMessage(seen);
  remark(`${seen.resolved} would be decided, ${seen.rekeyed} of them get a new id, ${seen.left} stay.`);
  const columns = ['externalId', 'givenName', 'familyName', 'internalId', 'formerExternalId'];
  return printList({ json }, seen.decided, columns);
}
