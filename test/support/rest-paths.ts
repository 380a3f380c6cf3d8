import { type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import { http } from '../../gen/google/api/annotations_pb.js';

/** The paths of google.api.http of all RPCs, as templates. */
export function restPaths(services: readonly DescService[]): string[] {
  return services
    .flatMap(({ methods }) => methods)
    .filter((rpc) => hasOption(rpc, http))
    .flatMap((rpc) => {
      const rule = getOption(rpc, http);
      return [rule, ...rule.additionalBindings].map(({ pattern }) => String(pattern.value));
    });
}
