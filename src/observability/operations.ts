import type { AsyncLocalStorage } from 'node:async_hooks';
import { type Channel, channel } from 'node:diagnostics_channel';

/** What is told of an operation at its end. */
export interface Ended<Facts> {
  facts: Facts;
  ms: number;
  /** What it threw; undefined when it ended well. */
  error: unknown;
}

/** An operation under way. */
export interface UnderWay {
  /** Does a piece of its work: what that does belongs to the operation. */
  within<T>(work: () => T): T;
  /** Tells how it ended. Call it once. */
  end(error?: unknown): void;
}

/**
 * A kind of work that metrics and traces are made of. Whoever does the work states its facts, and may complete
 * them until its end; who listens is not its concern, and where nobody does it costs next to nothing.
 */
export class Operation<Facts extends object> {
  readonly #work: Channel;
  readonly #end: Channel;

  constructor(readonly name: string) {
    this.#work = channel(`smartid:${name}`);
    this.#end = channel(`smartid:${name}:end`);
  }

  get isObserved(): boolean {
    return this.#work.hasSubscribers || this.#end.hasSubscribers;
  }

  /** Does `work` as one operation. */
  async observe<T>(facts: Facts, work: () => Promise<T>): Promise<T> {
    if (!this.isObserved) return work();
    const { within, end } = this.begin(facts);
    try {
      const result = await within(work);
      end();
      return result;
    } catch (error) {
      end(error);
      throw error;
    }
  }

  /** The same for work that is no single promise. */
  begin(facts: Facts): UnderWay {
    const start = performance.now();
    return {
      within: (work) => this.#work.runStores(facts, work as () => never),
      end: (error) => this.tell(facts, performance.now() - start, error),
    };
  }

  /** The same for what is over already. */
  tell(facts: Facts, ms: number, error?: unknown): void {
    this.#end.publish({ facts, ms, error } satisfies Ended<Facts>);
  }

  /** Is told of every end. Returns how to stop that. */
  onEnd(listener: (ended: Ended<Facts>) => void): () => void {
    const safely = (ended: unknown) => guarded(() => listener(ended as Ended<Facts>));
    this.#end.subscribe(safely);
    return () => void this.#end.unsubscribe(safely);
  }

  /**
   * Keeps something in `store` while work of an operation goes on: what `enter` gives for it. It is asked for
   * each piece of the work.
   */
  onWork<T>(store: AsyncLocalStorage<T>, enter: (facts: Facts) => T | undefined): () => void {
    this.#work.bindStore(store, (facts) => guarded(() => enter(facts as Facts)) as T);
    return () => void this.#work.unbindStore(store);
  }
}

/** A fault of whoever listens must not end the process, as an error in a channel would. */
function guarded<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    process.emitWarning(error as Error);
    return undefined;
  }
}

/** A call from outside. */
export interface CallFacts {
  /** Full name of the service; empty for what reached none. */
  service: string;
  method: string;
  protocol: Protocol;
  /** How it ended, once it has: `ok` or a code of Connect. */
  code?: string;
  requestId?: string;
  /** Headers of W3C Trace Context. */
  traceparent?: string | undefined;
  tracestate?: string | undefined;
}
export type Protocol = 'grpc' | 'grpc-web' | 'connect' | 'rest';

/** An attempt of this process on a run. */
export interface RunFacts {
  run: {
    readonly id: string;
    readonly integrationId: string;
    readonly entityType: string;
    readonly kind: string;
    readonly attempt: number;
    /** The run that this one is a part of. */
    readonly parentId: string | null;
    readonly approvedAt: Date | null;
    readonly counts: object;
    readonly membershipCounts: object;
  };
  provider: string;
  /** What the run came to; undefined when this attempt did not bring it to an end. */
  outcome?: string;
}

/** A step of the pipeline. */
export interface StepFacts {
  name: string;
}

/** A statement of SQL. Its text may hold values: only what it does, and to what, may leave the process. */
export interface StatementFacts {
  text: string;
}

/** One exchange with a school system. */
export interface OutboundFacts {
  method: string;
  /** Name or address, with the port where it is not the usual one. */
  host: string;
  /** Status of the answer; undefined where none came. */
  status?: number | undefined;
  /** Why there is none. */
  failure?: string | undefined;
  /** Headers to be sent along, set by whoever listens. */
  traceHeaders?: Readonly<Record<string, string>>;
}

/** An attempt to send the attendance of a class session. */
export interface SendingFacts {
  integrationId: string;
  provider: string;
  sessionId: string;
  /** How many deliveries of the attempt have which status, once it is over. */
  deliveries?: Readonly<Record<string, number>>;
}

/** A webhook that came, of whoever. */
export interface WebhookFacts {
  /** `UNKNOWN` where nobody vouches for it. */
  provider: string;
  /** `new`, `duplicate`, or `refused`. */
  outcome: string;
}

/** A job that is put into a queue. */
export interface EnqueueFacts {
  queue: string;
  /** Header of W3C Trace Context that the job goes on with, set by whoever listens. */
  traceparent?: string;
}

/** A job that this process does. */
export interface JobFacts {
  queue: string;
  attempt: number;
  /** That of the one who put it into the queue. */
  traceparent?: string | undefined;
}

/** Everything that is told of. */
export const operations = {
  call: new Operation<CallFacts>('call'),
  enqueue: new Operation<EnqueueFacts>('enqueue'),
  job: new Operation<JobFacts>('job'),
  run: new Operation<RunFacts>('run'),
  step: new Operation<StepFacts>('step'),
  statement: new Operation<StatementFacts>('statement'),
  outbound: new Operation<OutboundFacts>('outbound'),
  sending: new Operation<SendingFacts>('sending'),
  webhook: new Operation<WebhookFacts>('webhook'),
};
