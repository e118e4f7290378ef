import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { FlanError } from '../errors.js';

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildQuestion {
  /** Its name, for errors. */
  readonly program: string;
  readonly stdin?: string;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** How long a program that is told to end may take for that, and one that is killed. */
const END_MS = 2_000;

/**
 * Waits for the end of a process that was just started, and not for ever: one that takes too long is told to end, then
 * killed, and what cannot even be killed is left alone.
 * @throws {FlanError} E_SYSTEM when it took too long, E_TOOL_MISSING when it could not be started; the reason of `signal`
 */
export function childAnswer(child: ChildProcessWithoutNullStreams, question: ChildQuestion): Promise<Answer> {
  const { program, stdin = '', limitMs, signal } = question;
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout.on('data', (chunk: Buffer) => output.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.stderr.push(chunk));
  // A program that refuses its input early closes the pipe; its answer says why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    let ended: { readonly why: unknown } | undefined;
    let timer = setTimeout(() => end(tooSlow(program, limitMs)), limitMs);
    const settled = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      settle();
    };
    const end = (why: unknown): void => {
      if (ended !== undefined) return;
      ended = { why };
      clearTimeout(timer);
      child.kill('SIGTERM');
      timer = setTimeout(kill, END_MS);
    };
    const kill = (): void => {
      child.kill('SIGKILL');
      // It may be within a system call that does not end, and a child of its own may hold its pipes.
      timer = setTimeout(() => {
        letGo(child);
        settled(() => reject(ended?.why));
      }, END_MS);
    };
    const abort = (): void => end(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    child.on('error', (cause) => settled(() => reject(ended?.why ?? cannotRun(child.spawnfile, cause))));
    child.on('close', (code) =>
      settled(() => {
        if (ended !== undefined) return reject(ended.why);
        const [stdout, stderr] = [Buffer.concat(output.stdout).toString(), Buffer.concat(output.stderr).toString()];
        resolve({ code: code ?? 1, stdout, stderr });
      }),
    );
  });
}

/** Nothing of it keeps this process from ending. */
function letGo(child: ChildProcessWithoutNullStreams): void {
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  child.unref();
}

const cannotRun = (path: string, cause: Error): FlanError =>
  new FlanError('E_TOOL_MISSING', `cannot run ${path}: ${cause.message}`, { cause });

const tooSlow = (program: string, limitMs: number): FlanError =>
  new FlanError('E_SYSTEM', `${program} did not end within ${limitMs / 1000} s, and was stopped`, {
    hint: `Look at what ${program} waits for.`,
    retry: true,
  });
