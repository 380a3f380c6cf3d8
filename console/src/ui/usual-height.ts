/**
 * The height that most rows of a list turn out to have. Each row whose height is not what was thought has the places of
 * all below it told anew, which of 100,000 takes a frame or more: so what is thought of the others is what most are.
 */
export class UsualHeight {
  readonly #seen = new Map<number, number>();
  /** By row. */
  readonly #thought: number[] = [];
  #usual: number;

  /** `estimate`: what is thought before any is seen, in pixels. */
  constructor(estimate: number) {
    this.#usual = estimate;
  }

  /**
   * What is thought of a row, in pixels: always the same, since rows above the view that are thought to be higher than
   * before would move what is in it.
   */
  of(row: number): number {
    const thought = this.#thought[row] ?? this.#usual;
    this.#thought[row] = thought;
    return thought;
  }

  see(height: number): void {
    const times = (this.#seen.get(height) ?? 0) + 1;
    this.#seen.set(height, times);
    if (times > (this.#seen.get(this.#usual) ?? 0)) this.#usual = height;
  }
}
