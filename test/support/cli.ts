import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The launcher that npm links as `flan`. */
export const FLAN = fileURLToPath(new URL('../../bin/flan.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the test's own environment, less what decides about colours; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Without it stdin stays open and silent: a command that reads it unasked never ends. */
  readonly input?: string;
  readonly command?: string;
}

const COLOUR_VARIABLES = { NO_COLOR: undefined, FORCE_COLOR: undefined, CLICOLOR_FORCE: undefined };

/** Starts the built command line. The caller ends it. */
export function startFlan(args: readonly string[], options: RunOptions = {}): ChildProcessWithoutNullStreams {
  const env = { ...process.env, ...COLOUR_VARIABLES, ...options.env };
  return spawn(options.command ?? FLAN, args, { env, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) });
}

/** Runs the built command line to its end. */
export async function flan(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = startFlan(args, options);
  if (options.input !== undefined) child.stdin.end(options.input);
  return finished(child);
}

export function finished(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
}
