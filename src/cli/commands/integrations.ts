import { toJson } from '@bufbuild/protobuf';
import { IntegrationSchema } from '../../../gen/smartid/integrations/v1/integration_pb.js';
import {
  GetIntegrationResponseSchema,
  TestConnectionResponseSchema,
} from '../../../gen/smartid/integrations/v1/integration_service_pb.js';
import type { Integrations } from '../client.js';
import { EXIT } from '../exit-codes.js';
import { printable, printJson, printTable, type Row } from '../output.js';

type Options = { json?: boolean };

export async function listIntegrations(client: Integrations, _: string[], { json }: Options) {
  const rows: Row[] = [];
  let pageToken = '';
  do {
    const page = await client.listIntegrations({ pageToken, pageSize: 1000 });
    rows.push(...page.integrations.map((each) => toJson(IntegrationSchema, each) as Row));
    pageToken = page.nextPageToken;
  } while (pageToken);
  if (json) printJson(rows);
  else printTable(rows, ['id', 'provider', 'status', 'lastSyncAt', 'institutionId']);
  return EXIT.done;
}

export async function showIntegration(client: Integrations, [id = '']: string[]) {
  const answer = toJson(GetIntegrationResponseSchema, await client.getIntegration({ id })) as Row;
  printJson(answer.integration);
  return EXIT.done;
}

export async function testIntegration(client: Integrations, [id = '']: string[], { json }: Options) {
  const answer = await client.testConnection({ id });
  if (json) printJson(toJson(TestConnectionResponseSchema, answer, { alwaysEmitImplicit: true }));
  else process.stdout.write(`${printable(answer.message)}\n`);
  return answer.success ? EXIT.done : EXIT.failed;
}
