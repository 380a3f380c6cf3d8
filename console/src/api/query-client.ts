import { Code, ConnectError } from '@connectrpc/connect';
import { QueryClient } from '@tanstack/react-query';

/** Codes that another try may mend. */
const PASSING: readonly Code[] = [Code.Unavailable, Code.DeadlineExceeded, Code.Unknown];
const TRIES = 3;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      retry: (failures, error) => failures < TRIES && PASSING.includes(ConnectError.from(error).code),
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 5_000),
      refetchOnWindowFocus: true,
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});

/** How often a page looks what changed, in milliseconds; while it is seen. */
export const LIVELY = { refetchInterval: 4_000 } as const;
