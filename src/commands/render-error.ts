import type { ChalkInstance } from 'chalk';
import type { FlanError } from '../errors.js';

/** The document that stands on stdout in place of the result when a command fails under `--json`. */
export interface ErrorDocument {
  readonly format_version: '1.0';
  readonly kind: 'flan.error';
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly where?: string;
    readonly hint?: string;
    /** Outermost first. */
    readonly causes: readonly string[];
    readonly retry: boolean;
    /** Only with `--debug`. */
    readonly stack?: string;
  };
}

/** How much to tell: `debug` adds the stack. */
export type Detail = 'normal' | 'debug';

export function errorDocument(error: FlanError, detail: Detail): ErrorDocument {
  const { code, message, where, hint, retry, stack } = error;
  return {
    format_version: '1.0',
    kind: 'flan.error',
    error: {
      code,
      message,
      ...(where === undefined ? {} : { where }),
      ...(hint === undefined ? {} : { hint }),
      causes: causesOf(error),
      retry,
      ...(detail === 'debug' && stack !== undefined ? { stack } : {}),
    },
  };
}

/** The error as people read it, with a newline at the end. */
export function errorText(error: FlanError, { detail, chalk }: { detail: Detail; chalk: ChalkInstance }): string {
  const lines = [`${chalk.red.bold(`Error ${error.code}:`)} ${error.message}`];
  if (error.where !== undefined) lines.push(`  ${chalk.dim('where:')} ${error.where}`);
  for (const cause of causesOf(error)) lines.push(`  ${chalk.dim('cause:')} ${cause}`);
  if (error.hint !== undefined) lines.push(`  ${chalk.dim('hint:')}  ${error.hint}`);
  if (detail === 'debug' && error.stack !== undefined) lines.push('', error.stack);
  return `${lines.join('\n')}\n`;
}

/** Messages of the causes, outermost first, without those that only repeat the one above. */
function causesOf(error: Error): readonly string[] {
  const causes: string[] = [];
  const seen = new Set<unknown>([error]);
  let above = error.message;
  for (let cause = error.cause; cause !== undefined && !seen.has(cause); ) {
    seen.add(cause);
    const message = cause instanceof Error ? cause.message : String(cause);
    if (message !== '' && !above.includes(message)) causes.push(message);
    above = message;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}
