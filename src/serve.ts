import { type App, startApp } from './app.js';
import { type Config, knownVariables, loadConfig } from './config.js';
import type { EmbeddedPostgresStart } from './database/embedded/index.js';
import { createLogger, type Logger } from './observability/index.js';
import { explainStartFailure } from './start-failure.js';
import { unknownVariables } from './unknown-variables.js';

/** How long a stop waits for what is in flight, in milliseconds. */
const GRACE = 30_000;

/**
 * Runs the service as `env` says until a signal ends the process, on the embedded database that `begun` is the start
 * of, if any. What keeps it from starting is a sentence and exit 1.
 */
export async function serve(env: NodeJS.ProcessEnv, begun?: EmbeddedPostgresStart): Promise<void> {
  let config: Config | undefined;
  try {
    config = loadConfig(env);
    await start(config, env, begun);
  } catch (error) {
    process.stderr.write(`SmartID Integrations cannot start.\n${explainStartFailure(error, config)}\n`);
    // It may be at work already, and is to leave no lock behind.
    await begun?.abandon();
    process.exit(1);
  }
}

async function start(config: Config, env: NodeJS.ProcessEnv, begun?: EmbeddedPostgresStart): Promise<void> {
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  for (const sentence of unknownVariables(env, knownVariables)) logger.warn(sentence);
  const app = await startApp({ config, logger, begun, onFailure: () => process.exit(1) });
  // Before anybody learns that it listens, and may ask it to stop.
  stopOnSignals(app, logger);
  logger.info({ url: app.url }, `SmartID Integrations listens on ${app.url}`);
  // Whoever started it waits for this line.
  logger.flush();
  if (app.madeToken) greet(app.url, app.madeToken, config.dataDir);
}

/**
 * The first start of a development service: its token, and commands to paste. To the terminal, not into the
 * log.
 */
function greet(url: string, token: string, dataDir: string): void {
  const buf = `npx buf curl --protocol grpc --http2-prior-knowledge -H 'Authorization: Bearer ${token}'`;
  process.stderr.write(`
A bearer token was made and is kept in ${dataDir}/admin-token. Sign in with it at ${url}/ or try it:

  curl -H 'Authorization: Bearer ${token}' ${url}/providers
  ${buf} ${url}/smartid.integrations.v1.IntegrationService/ListProviders
  grpcurl -plaintext -H 'Authorization: Bearer ${token}' ${url.replace(/^https?:\/\//, '')} smartid.integrations.v1.IntegrationService/ListProviders

`);
}

function stopOnSignals(app: App, logger: Logger): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait.
      if (stopping) process.exit(1);
      stopping = true;
      logger.info({ signal }, 'stopping: finishing what is in flight');
      app.close(GRACE).then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'stopping failed');
          process.exit(1);
        },
      );
    });
  }
}
