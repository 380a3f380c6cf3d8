import { Code, ConnectError } from '@connectrpc/connect';
import { MutationCache, QueryClient } from '@tanstack/react-query';

/** Codes that another try may mend: the service is away, or starts. */
const PASSING: readonly Code[] = [
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Unknown,
  Code.Canceled,
  Code.Aborted,
];

/** Whether asking again would only be answered the same. */
export function isFinal(error: unknown): boolean {
  return !PASSING.includes(ConnectError.from(error).code);
}

const TRIES = 3;

export const queryClient: QueryClient = new QueryClient({
  // What was done may show anywhere: everything that is seen is asked for anew.
  mutationCache: new MutationCache({ onSuccess: () => void queryClient.invalidateQueries() }),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      retry: (failures, error) => failures < TRIES && !isFinal(error),
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 5_000),
      refetchOnWindowFocus: true,
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});

/** How often a page looks what changed, in milliseconds; while it is seen. */
export const LIVELY = { refetchInterval: 4_000 } as const;

/** The same of a list that is read page by page: not once there are several, which would all be asked for again. */
export const LIVELY_AT_TOP = {
  refetchInterval: ({ state }: { state: { data?: { pages: readonly unknown[] } | undefined } }) =>
    (state.data?.pages.length ?? 0) > 1 ? false : LIVELY.refetchInterval,
} as const;
