import { Integration_Status as Status } from '../../../clients/typescript/src/node.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { printJson, printLine, printList, printMessage } from '../output.js';
import { asJson, type Session } from '../session.js';
import { optionalEnum } from '../values.js';

interface ListOptions {
  institution?: string;
  provider?: string;
  status?: string;
}

export function listIntegrations({ api, json }: Session, _: string[], options: ListOptions) {
  const { institution, provider, status: named } = options;
  const status = optionalEnum(Status, named, '--status');
  const items = api.each.listIntegrations({
    ...(institution && { institutionId: institution }),
    ...(provider && { provider }),
    ...(status && { status }),
    pageSize: 1_000,
  });
  return printList({ json }, items, ['id', 'provider', 'status', 'lastSyncAt', 'institutionId']);
}

export async function showIntegration({ api }: Session, [id = '']: string[]) {
  return printMessage((await api.getIntegration({ id })).integration);
}

export async function testIntegration({ api, json }: Session, [id = '']: string[]) {
  const answer = await api.testConnection({ id });
  if (json) printJson(asJson(answer, { emptyToo: true }));
  else {
    for (const check of answer.checks) printLine(`${check.success ? 'ok    ' : 'failed'}  ${check.message}`);
    printLine(answer.message);
  }
  return answer.success ? EXIT.done : EXIT.failed;
}

export async function providers({ api, json }: Session, [name]: string[]) {
  const all = (await api.listProviders({})).providers;
  if (name === undefined)
    return printList({ json }, all, ['provider', 'title', 'syncedEntityTypes', 'sendsAttendance']);
  const found = all.find(({ provider }) => provider === name.toUpperCase());
  if (!found)
    throw new UsageError(`There is no provider ${name}: ${all.map(({ provider }) => provider).join(', ')}.`);
  return printMessage(found);
}
