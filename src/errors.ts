/** A stable machine-readable name of one way to fail; the list with its exit codes is src/exit-codes.ts. */
export type ErrorCode = `E_${string}`;

export interface FlanErrorOptions {
  /** What the user can do about it, one imperative sentence. */
  readonly hint?: string | undefined;
  /** Whether the same attempt can succeed later with nobody changing anything. */
  readonly retry?: boolean | undefined;
  /** Where: a file with line and column, a setting, a resource key. */
  readonly where?: string | undefined;
  readonly cause?: unknown;
}

/** Every failure flan reports. `code` is stable and documented; `message` is for people and is not. */
export class FlanError extends Error {
  override readonly name: string = 'FlanError';
  readonly hint: string | undefined;
  readonly retry: boolean;
  readonly where: string | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: FlanErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
    this.retry = options.retry ?? false;
    this.where = options.where;
  }
}

/** Wraps what is not yet a FlanError; anything that gets here unplanned is a bug of ours. */
export function asFlanError(cause: unknown): FlanError {
  if (cause instanceof FlanError) return cause;
  return new FlanError('E_BUG', cause instanceof Error ? cause.message : String(cause), { cause });
}
