import { setTimeout as sleep } from 'node:timers/promises';
import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/grpc/health/v1/health_pb.js';

/** How often Watch looks, in milliseconds. */
const WATCH_EVERY = 1_000;

/** grpc.health.v1: serving while the service is ready. */
export function healthRoutes(
  services: readonly DescService[],
  ready: () => Promise<boolean>,
): (router: ConnectRouter) => void {
  const known = new Set(['', ...services.map(({ typeName }) => typeName)]);
  const statusOf = async (service: string) => {
    if (!known.has(service)) return Status.SERVICE_UNKNOWN;
    return (await ready()) ? Status.SERVING : Status.NOT_SERVING;
  };
  return (router) => {
    router.service(Health, {
      async check({ service }) {
        const status = await statusOf(service);
        if (status === Status.SERVICE_UNKNOWN)
          throw new ConnectError(`There is no service ${service}.`, Code.NotFound);
        return { status };
      },
      async *watch({ service }, { signal }) {
        let last: Status | undefined;
        while (!signal.aborted) {
          const status = await statusOf(service);
          if (status !== last) yield { status };
          last = status;
          await sleep(WATCH_EVERY, undefined, { signal, ref: false }).catch(() => {});
        }
      },
    });
  };
}
