import { Delivery_Status as Status } from '../../../clients/typescript/src/node.js';
import { EXIT } from '../exit-codes.js';
import { printJson, printLine, printList, printMessage, remark } from '../output.js';
import { asJson, type Session } from '../session.js';
import { optionalEnum } from '../values.js';

export async function sendAttendance(
  { api, json }: Session,
  [id = '', sessionId = '']: string[],
  { resend = false }: { resend?: boolean },
) {
  const answer = await api.sendAttendance({ id, sessionId, resend });
  if (json) printJson(asJson(answer, { emptyToo: true }));
  else {
    const withheld = answer.withheld > 0 ? `, ${answer.withheld} withheld` : '';
    printLine(
      `${answer.sent} sent, ${answer.confirmed} confirmed, ${answer.unchanged} as they were${withheld}.`,
    );
  }
  for (const warning of answer.warnings) remark(warning);
  for (const error of answer.errors) remark(error);
  if (answer.errors.length > 0) return EXIT.failedRows;
  return answer.success ? EXIT.done : EXIT.failed;
}

export function listDeliveries(
  { api, json }: Session,
  [id = '']: string[],
  options: { session?: string; status?: string },
) {
  const status = optionalEnum(Status, options.status, '--status');
  const all = api.each.listDeliveries({
    id,
    pageSize: 1_000,
    ...(options.session && { sessionId: options.session }),
    ...(status && { status }),
  });
  const columns = [
    'sessionId',
    'externalId',
    'attendanceStatus',
    'status',
    'attempts',
    'updatedAt',
    'lastReason',
  ];
  return printList({ json }, all, columns);
}

export async function closeSession({ api, json }: Session, [institutionId = '', id = '']: string[]) {
  const answer = await api.closeClassSession({ institutionId, id });
  if (json) return printMessage(answer);
  const { integrationIds } = answer;
  printLine(
    integrationIds.length > 0 ? `It leaves for ${integrationIds.join(', ')}.` : 'Closed; it goes nowhere.',
  );
  return EXIT.done;
}
