/** One thing that must hold for every connector. */
export interface ConformanceCase {
  /** A sentence without its subject. */
  name: string;
  /** Rejects when it does not hold. */
  run(): Promise<void>;
}
