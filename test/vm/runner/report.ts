/** What the runner says of a test that it would run. */
export interface Listed {
  readonly type: 'listed';
  readonly file: string;
  /** With the names of the groups it is in. */
  readonly name: string;
}

/** What the runner says while it runs, a line of JSON each. */
export type Reported =
  | {
      readonly type: 'test';
      readonly file: string;
      readonly name: string;
      readonly state: 'pass' | 'fail' | 'skip';
      /** Why it was skipped, or how it failed. */
      readonly detail: string;
    }
  /** What went wrong outside of any test. */
  | { readonly type: 'broken'; readonly file: string; readonly error: string }
  | { readonly type: 'end' };
