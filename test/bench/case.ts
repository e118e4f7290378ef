/** One benchmark: `npm run -s bench -- NAME`. It measures flan and a reference in turn, on the same machine. */
export interface BenchCase {
  readonly name: string;
  /** One line for the list. */
  readonly about: string;
  run(context: BenchContext): Promise<readonly BenchResult[]>;
}

export interface BenchContext {
  /** Progress for people, on stderr. */
  log(line: string): void;
  /** `-n`: how many rounds, or how large; each case has a default of its own. */
  readonly n?: number;
}

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the reference took, in the same unit. */
  readonly reference: number;
  /** `value / reference`, or the other way round where the goal says so. */
  readonly ratio: number;
  /** In words: `<= reference + 35 ms`. */
  readonly goal: string;
  readonly ok: boolean;
}
