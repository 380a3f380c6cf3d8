import { SyncIssue_Severity as Severity } from '../../../clients/typescript/src/node.js';
import { EXIT } from '../exit-codes.js';
import { printList } from '../output.js';
import { inTurn, runsWithRows } from '../parts.js';
import type { Session } from '../session.js';
import { optionalEnum } from '../values.js';

const COLUMNS = ['severity', 'file', 'line', 'column', 'value', 'message', 'hint'];

export async function issues(
  session: Session,
  [id = '', runId = '']: string[],
  options: { severity?: string; export?: string },
) {
  const { api, json } = session;
  if (options.export !== undefined) {
    const { file } = await api.exportSyncIssues({ id, runId, file: options.export });
    process.stdout.write(file?.data ?? '');
    return EXIT.done;
  }
  const severity = optionalEnum(Severity, options.severity, '--severity');
  const found = inTurn(await runsWithRows(session, id, runId), (part) =>
    api.each.listSyncIssues({ id, runId: part, pageSize: 1_000, ...(severity && { severity }) }),
  );
  return printList({ json }, found, COLUMNS);
}
