/**
 * A moment of which is asked how long ago it was, at least. The clock of the day may be set back; the other one stands
 * still while the machine sleeps: the longer time counts.
 */
export class Moment {
  readonly #byDay = Date.now();
  readonly #byRunning = performance.now();

  msSince(): number {
    return Math.max(Date.now() - this.#byDay, performance.now() - this.#byRunning);
  }
}
