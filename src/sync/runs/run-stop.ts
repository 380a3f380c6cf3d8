/** Why a run is to stop at its next page. HANDED_BACK: its process ends, and another goes on with it. */
export type StopReason = 'CANCELED' | 'HANDED_BACK';

/** What the work on a run throws that was stopped. */
export class RunStopped extends Error {
  constructor(readonly reason: StopReason) {
    super(reason === 'CANCELED' ? 'The run was canceled.' : 'The run was handed back.');
    this.name = 'RunStopped';
  }
}

/** Stops the work on one run. */
export class RunStop {
  readonly #abort = new AbortController();

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** That of a run that was claimed: stopped when somebody had asked for that. */
  static of({ cancelRequestedAt }: { cancelRequestedAt: Date | null }): RunStop {
    const stop = new RunStop();
    if (cancelRequestedAt) stop.stop('CANCELED');
    return stop;
  }

  stop(reason: StopReason): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(new RunStopped(reason));
  }
}
