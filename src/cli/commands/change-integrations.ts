import type { JsonObject } from '@bufbuild/protobuf';
import { type Provider, Integration_Status as Status } from '../../../clients/typescript/src/node.js';
import { agreeTo } from '../ask.js';
import { EXIT, UsageError } from '../exit-codes.js';
import { printDone, printLine, printMessage, remark } from '../output.js';
import type { Session } from '../session.js';
import { type Given, readBody, type Schema, secretsOf, settingsOf } from '../settings.js';
import { enumValue } from '../values.js';

interface CreateOptions extends Given {
  institution?: string;
  provider?: string;
}

export async function createIntegration(session: Session, _: string[], options: CreateOptions) {
  const { api, json } = session;
  const body = await readBody(options.file);
  const all = (await api.listProviders({})).providers;
  let institutionId = options.institution ?? body.institutionId;
  let name = options.provider ?? body.provider;
  const canAsk = options.file === undefined && process.stdin.isTTY && process.stderr.isTTY;
  const questions = canAsk ? await import('../questions.js') : undefined;
  if (questions) {
    institutionId ??= await questions.askText('Id of the institution (a UUID)');
    name ??= await questions.askWhich(
      'Provider',
      all.map(({ provider, title }) => ({ value: provider, label: title })),
    );
  }
  const provider = all.find(({ provider }) => provider === name?.toUpperCase());
  if (name !== undefined && !provider)
    throw new UsageError(`There is no provider ${name}: ${all.map((one) => one.provider).join(', ')}.`);
  const schemas = schemasOf(provider);
  let config: JsonObject = { ...body.config, ...settingsOf(options.set, schemas) };
  let credentials: JsonObject = { ...body.credentials, ...(await secretsOf(options, schemas)) };
  if (questions && provider) {
    config = { ...(await questions.askSettings(schemas.config, config)), ...config };
    credentials = { ...(await questions.askSecrets(schemas.credentials, credentials)), ...credentials };
  }
  refuseMissing({ institutionId, provider: name }, schemas, { config, credentials });
  const { integration } = await api.createIntegration({
    institutionId: institutionId ?? '',
    provider: provider?.provider ?? '',
    config,
    credentials,
    ...(body.policy && { policy: body.policy }),
  });
  if (json) return printMessage(integration);
  printLine(integration?.id ?? '');
  remark(`Connected. Try it: smartid integrations test ${integration?.id}`);
  return EXIT.done;
}

interface Schemas {
  config: Schema;
  credentials: Schema;
}

function schemasOf(provider: Provider | undefined): Schemas {
  return {
    config: (provider?.configSchema ?? {}) as Schema,
    credentials: (provider?.credentialsSchema ?? {}) as Schema,
  };
}

/** Names all that is missing at once, before the service is asked. */
function refuseMissing(
  options: Record<string, string | undefined>,
  schemas: Schemas,
  given: { config: JsonObject; credentials: JsonObject },
): void {
  const missing = [
    ...Object.keys(options)
      .filter((name) => !options[name])
      .map((name) => `--${name.replace(/Id$/, '')}`),
    ...(schemas.config.required ?? [])
      .filter((name) => !(name in given.config))
      .map((name) => `--set ${name}=…`),
    ...(schemas.credentials.required ?? [])
      .filter((name) => !(name in given.credentials))
      .map((name) => `--secret-env ${name}=VARIABLE`),
  ];
  if (missing.length > 0) throw new UsageError(`This is missing: ${missing.join(', ')}.`);
}

export async function updateIntegration(
  { api, json }: Session,
  [id = '']: string[],
  options: Given & { status?: string },
) {
  const { file, set, secretEnv, secretFile, status: named } = options;
  if ([file, set, secretEnv, secretFile, named].every((given) => given === undefined))
    throw new UsageError('Say what to change: --set, --secret-env, --secret-file, --status or --file.');
  const body = await readBody(file);
  const [{ integration }, { providers }] = await Promise.all([
    api.getIntegration({ id }),
    api.listProviders({}),
  ]);
  const schemas = schemasOf(providers.find(({ provider }) => provider === integration?.provider));
  const config = { ...body.config, ...settingsOf(options.set, schemas) };
  const credentials = { ...body.credentials, ...(await secretsOf(options, schemas)) };
  const status = named ?? body.status;
  const answer = await api.updateIntegration({
    id,
    ...(Object.keys(config).length > 0 && { config }),
    ...(Object.keys(credentials).length > 0 && { credentials }),
    ...(body.policy && { policy: body.policy }),
    ...(status !== undefined && { status: enumValue(Status, status, '--status', ['ERROR']) }),
  });
  if (json) return printMessage(answer.integration);
  printLine(`${answer.integration?.id} is changed.`);
  return EXIT.done;
}

export async function deleteIntegration(
  { api, json }: Session,
  [id = '']: string[],
  { yes }: { yes?: boolean },
) {
  const { provider, mappingCount } = await api.getSyncLogs({ id });
  await agreeTo(
    `The ${provider} integration goes with its ${mappingCount} mappings and its runs; the memberships it brought end. People, courses and groups stay.`,
    yes,
  );
  await api.deleteIntegration({ id });
  return printDone({ json }, 'Removed.');
}
