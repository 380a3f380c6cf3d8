/**
 * The height that most rows of a list turn out to have. Each row whose height is not what was thought has the places of
 * all below it told anew, which of 100,000 takes a frame or more: so what is thought of the others is what most are.
 */
export class UsualHeight {
  readonly #seen = new Map<number, number>();
  #usual: number;

  /** `estimate`: what is thought before any is seen, in pixels. */
  constructor(estimate: number) {
    this.#usual = estimate;
  }

  get pixels(): number {
    return this.#usual;
  }

  see(height: number): void {
    const times = (this.#seen.get(height) ?? 0) + 1;
    this.#seen.set(height, times);
    if (times > (this.#seen.get(this.#usual) ?? 0)) this.#usual = height;
  }
}
