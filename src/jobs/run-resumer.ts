import type { Logger } from '../observability/index.js';

export interface RunResumerOptions {
  /** Takes up the runs of processes that died; returns how many. */
  resume: () => Promise<number>;
  logger: Logger;
  /** Milliseconds between two looks. */
  everyMs?: number;
}

/** Looks now and then for runs whose process died, and does them. The first look is at once. */
export class RunResumer {
  readonly #options: Required<RunResumerOptions>;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RunResumerOptions) {
    this.#options = { everyMs: 5_000, ...options };
  }

  start(): void {
    this.#underWay = this.#look();
  }

  /** Ends the looking; a run that was taken up is finished first. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#underWay;
  }

  async #look(): Promise<void> {
    const { resume, logger, everyMs } = this.#options;
    try {
      const count = await resume();
      if (count > 0) logger.info({ count }, 'took up sync runs of a process that died');
    } catch (error) {
      logger.error({ err: error }, 'taking up abandoned sync runs failed');
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#underWay = this.#look();
    }, everyMs);
  }
}
