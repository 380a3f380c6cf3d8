import { VerifyAuditResponse_Problem_Kind as Kind } from '../../../clients/typescript/src/node.js';
import { EXIT } from '../exit-codes.js';
import { printJson, printLine, printList } from '../output.js';
import { asJson, type Session } from '../session.js';
import { timestampOf, usualOf } from '../values.js';

interface Filter {
  actor?: string;
  object?: string;
  integration?: string;
  run?: string;
  refused?: boolean;
  since?: string;
  until?: string;
  limit?: string;
}

export async function listAudit({ api, json }: Session, [institutionId = '']: string[], filter: Filter) {
  const since = await timestampOf(filter.since, '--since');
  const until = await timestampOf(filter.until, '--until');
  const all = api.each.listAuditEvents({
    institutionId,
    pageSize: 1_000,
    refused: filter.refused ?? false,
    ...(filter.actor && { actor: filter.actor }),
    ...(filter.object && { objectId: filter.object }),
    ...(filter.integration && { integrationId: filter.integration }),
    ...(filter.run && { runId: filter.run }),
    ...(since && { since }),
    ...(until && { until }),
  });
  const columns = [
    'at',
    'actor',
    'action',
    'outcome',
    'objectType',
    'objectId',
    'runId',
    'address',
    'detail',
  ];
  return printList({ json }, usualOf(all, filter.limit), columns);
}

export function listChanges(
  { api, json }: Session,
  [institutionId = '', entityId = '']: string[],
  { field = '' }: { field?: string },
) {
  const all = api.each.listEntityChanges({ institutionId, entityId, field, pageSize: 1_000 });
  return printList({ json }, all, ['at', 'action', 'actor', 'method', 'runId', 'before', 'after']);
}

export async function verifyAudit({ api, json }: Session, [institutionId = '']: string[]) {
  const answer = await api.verifyAudit({ institutionId });
  if (json) printJson(asJson(answer, { emptyToo: true }));
  else {
    printLine(
      `${answer.eventCount} events; ${answer.intact ? 'nothing was touched' : 'somebody touched them'}.`,
    );
    for (const { position, kind } of answer.problems) printLine(`${position} ${Kind[kind]}`);
  }
  return answer.intact ? EXIT.done : EXIT.failed;
}
