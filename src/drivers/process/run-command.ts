import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { FlanError } from '../../errors.js';
import { type ExtensionCommand, type Invocation, invocationOf, type Variables } from '../../kinds/extension-command.js';
import { inNetns, warmPool } from '../../sys/netns.js';
import { environmentOf } from './environment.js';

export interface CommandCall {
  /** For people: `SubnetAddCommand for 10.244.2.0/24`. */
  readonly what: string;
  readonly command: ExtensionCommand;
  readonly variables: Variables;
  readonly stdin: string;
}

export interface CommandAnswer {
  readonly code: number;
  /** Without white space at its ends. */
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it wrote more than was kept. */
  readonly isCut: boolean;
}

export interface RunnerOptions {
  /** Where commands are born; the own namespace when absent. */
  readonly netns?: string | undefined;
  readonly timeoutMs: number;
}

/** Kept of each of a command's outputs; what is more is read and forgotten. */
export const OUTPUT_BYTES = 64 * 1024;
/** Between asking the processes of a command to end and ending them. */
const GRACE_MS = 1000;
/** How long the output of a command that has ended may be on its way: a daemon that it left behind may hold the pipe. */
const DRAIN_MS = 200;

/** Runs one command to its end. What a command answers is no error of this, whatever the answer is. */
export type RunCommand = (call: CommandCall, signal: AbortSignal) => Promise<CommandAnswer>;

/** @throws {FlanError} E_EXTENSION for one that cannot be run, is killed or takes too long; the reason of the signal */
export const commandRunner =
  (options: RunnerOptions): RunCommand =>
  async (call, signal) => {
    signal.throwIfAborted();
    const environment = environmentOf(process.env, call.variables);
    const invocation = invocationOf(call.command, environment);
    if (invocation === undefined) throw failure(call, { why: 'names no program' });
    const child = start({ call, invocation, environment, netns: options.netns });
    return finish({ call, child, signal, timeoutMs: options.timeoutMs });
  };

interface StartInput {
  readonly call: CommandCall;
  readonly invocation: Invocation;
  readonly environment: Record<string, string>;
  readonly netns: string | undefined;
}

function start({ call, invocation, environment, netns }: StartInput): ChildProcessWithoutNullStreams {
  const { program, args } = invocation;
  // Detached: a process group of its own, so that what it started goes with it when it takes too long.
  const born = () => spawn(program, args, { env: environment, cwd: '/', stdio: 'pipe', detached: true });
  try {
    if (netns === undefined) return born();
    warmPool();
    return inNetns(netns, born);
  } catch (cause) {
    if (cause instanceof FlanError) throw cause;
    throw failure(call, { why: `cannot be run: ${reasonOf(cause)}`, cause });
  }
}

interface FinishInput {
  readonly call: CommandCall;
  readonly child: ChildProcessWithoutNullStreams;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

function finish({ call, child, signal, timeoutMs }: FinishInput): Promise<CommandAnswer> {
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  // One that does not read its input, or not all of it, closes the pipe: its answer says how it went.
  child.stdin.on('error', () => undefined);
  child.stdin.end(call.stdin);
  return new Promise((resolve, reject) => {
    let isLate = false;
    const end = endGroup(child);
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeoutMs);
    signal.addEventListener('abort', end, { once: true });
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      act();
    };
    child.on('error', (cause) =>
      settle(() => reject(failure(call, { why: `cannot be run: ${reasonOf(cause)}`, cause }))),
    );
    child.on('exit', (code, name) => {
      // Asked to end: what it has started goes with it, at once, while nobody else can have its number.
      if (isLate || signal.aborted) killGroup(child, 'SIGKILL');
      const answer = (): void => {
        for (const stream of child.stdio) stream?.destroy();
        if (signal.aborted) reject(signal.reason);
        else if (isLate) reject(failure(call, { why: `took longer than ${timeoutMs / 1000} s` }));
        else if (code === null) reject(failure(call, { why: `was ended by ${name}` }));
        else resolve({ code, stdout: stdout.text(), stderr: stderr.text(), isCut: stdout.isCut() || stderr.isCut() });
      };
      const drained = setTimeout(() => settle(answer), DRAIN_MS);
      child.once('close', () => {
        clearTimeout(drained);
        settle(answer);
      });
    });
  });
}

/** Ends a child that is still ours, and what it has started: first politely. */
const endGroup = (child: ChildProcessWithoutNullStreams) => (): void => {
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  if (!isOver()) killGroup(child, 'SIGTERM');
  setTimeout(() => {
    if (!isOver()) killGroup(child, 'SIGKILL');
  }, GRACE_MS).unref();
};

function killGroup({ pid }: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nothing is left of it.
  }
}

function collect(stream: Readable) {
  const chunks: Buffer[] = [];
  let [kept, seen] = [0, 0];
  stream.on('data', (chunk: Buffer) => {
    seen += chunk.length;
    const piece = chunk.subarray(0, OUTPUT_BYTES - kept);
    kept += piece.length;
    if (piece.length > 0) chunks.push(piece);
  });
  stream.on('error', () => undefined);
  return { text: () => Buffer.concat(chunks).toString('utf8').trim(), isCut: () => seen > kept };
}

interface Failure {
  readonly why: string;
  readonly cause?: unknown;
}

const failure = ({ what, command }: CommandCall, { why, cause }: Failure): FlanError =>
  new FlanError('E_EXTENSION', `${what} ${why}`, {
    hint: `Look at ${what.split(' ')[0]} in the Backend of the network config${typeof command.run === 'string' && !command.shell ? '; it is run without a shell unless Backend.Shell is true' : ''}.`,
    cause,
  });

const reasonOf = (cause: unknown): string => {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'there is no such program' : (code ?? message);
};

/** The error for a command that answered with a failure. What it wrote may hold what a lease says: no orders to terminals. */
export function refusalOf({ what }: CommandCall, { code, stderr, stdout }: CommandAnswer): FlanError {
  const said = (stderr || stdout)
    .replace(/\s*\n\s*/g, ' | ')
    .replace(/\p{Cc}|\p{Cf}/gu, '?')
    .slice(0, 400);
  return new FlanError('E_EXTENSION', `${what} ended with exit code ${code}${said === '' ? '' : `: ${said}`}`, {
    hint: 'Run the command by hand with the same variables to see what it needs.',
    retry: true,
  });
}
