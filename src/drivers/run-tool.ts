import { spawn } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type ErrorCode, FlanError } from '../errors.js';
import type { Prefix } from '../model/ip.js';
import { type Answer, childAnswer } from '../sys/child-answer.js';
import { inNetns } from '../sys/netns.js';

export type { Answer } from '../sys/child-answer.js';

/** Where to find the programs that a driver calls, and in which network namespace to call them. */
export interface Toolbox {
  /** A name under /run/netns or a path; this process's own when absent. */
  readonly netns?: string | undefined;
  /** Directories like PATH. By default PATH and the system's sbin directories, which a plain user's PATH lacks. */
  readonly searchPath?: string | undefined;
}

export interface SharedToolbox extends Toolbox {
  /** Networks that other flans on this host serve now: their rules in chains that all share are theirs. */
  readonly others?: (() => readonly Prefix[]) | undefined;
  /** Where to keep what was read, for the next run: a directory of the runtime, gone after a boot. */
  readonly memoryDir?: string | undefined;
}

/** Process ids of programs that run on our behalf, or did a moment ago: what they change is no news. */
export type Children = Set<number>;

/** How long events of a program that has ended may be on their way. Later, its process id may be somebody else's. */
const ECHO_MS = 1_000;

export interface Call {
  readonly program: string;
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly debianPackage: string;
  /** What needs the program, for the error when there is none. */
  readonly neededFor: string;
  /** Where to note its process id. */
  readonly children: Children;
  /** How long it may take; 20 s when absent. */
  readonly timeoutMs?: number;
}

/** Longer than iptables waits for its lock, and enough for the rules of a large host. */
const TIMEOUT_MS = 20_000;

const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

const searchPathOf = ({ searchPath }: Toolbox): string =>
  searchPath ?? [process.env.PATH ?? '', ...SBIN].join(delimiter);

export const isInstalled = (program: string, toolbox: Toolbox): boolean =>
  find(program, searchPathOf(toolbox)) !== undefined;

/** What stands behind a program's name, with all links followed; undefined when nothing does. */
export function realPathOf(program: string, toolbox: Toolbox): string | undefined {
  const path = find(program, searchPathOf(toolbox));
  try {
    return path === undefined ? undefined : realpathSync(path);
  } catch {
    return undefined; // it went away meanwhile
  }
}

function find(program: string, searchPath: string): string | undefined {
  for (const directory of searchPath.split(delimiter)) {
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here; the next directory may have it.
    }
  }
  return undefined;
}

/** @throws {FlanError} E_TOOL_MISSING */
function locate({ program, debianPackage, neededFor }: Call, searchPath: string): string {
  const path = find(program, searchPath);
  if (path !== undefined) return path;
  throw new FlanError('E_TOOL_MISSING', `${neededFor} need the program '${program}', which is not installed`, {
    hint: `Install it (Debian package ${debianPackage}).`,
  });
}

/**
 * Runs a program to its end, in the C locale. A program that fails is an answer, not an error.
 * @throws {FlanError} E_TOOL_MISSING, E_NETNS, E_SYSTEM when it does not end in time, or the reason of `signal`
 */
export function runTool(call: Call, toolbox: Toolbox, signal: AbortSignal): Promise<Answer> {
  const path = locate(call, searchPathOf(toolbox));
  signal.throwIfAborted();
  const start = () => spawn(path, call.args, { env: { ...process.env, LC_ALL: 'C' }, stdio: 'pipe' });
  // A child is born in the namespace of the thread that makes it.
  const child = toolbox.netns === undefined ? start() : inNetns(toolbox.netns, start);
  const { pid } = child;
  if (pid !== undefined) {
    call.children.add(pid);
    child.once('close', () => setTimeout(() => call.children.delete(pid), ECHO_MS).unref());
  }
  return childAnswer(child, { ...call, limitMs: call.timeoutMs ?? TIMEOUT_MS, signal });
}

/** What a program said, on one line. */
const complaint = ({ stderr, stdout, code }: Answer): string =>
  (stderr.trim() || stdout.trim() || `exit code ${code}`).replace(/\s*\n\s*/g, ' | ').slice(0, 400);

/** Whether the kernel refused for want of CAP_NET_ADMIN. */
export const isDenied = ({ stderr }: Answer): boolean => /not permitted|permission denied|must be root/i.test(stderr);

/** Whether the kernel has no such packet filter, or only parts of it. */
const isUnsupported = ({ stderr }: Answer): boolean =>
  /not supported|insmod|can't initialize|table does not exist/i.test(stderr);

/** The error for a program that answered with a failure. */
export function refusal(what: string, { answer, code, needs, retry }: Refusal): FlanError {
  if (isDenied(answer)) {
    return new FlanError('E_PERMISSION', `${what}: not permitted`, {
      hint: 'Run as root (CAP_NET_ADMIN is needed even to read packet filter rules).',
    });
  }
  return new FlanError(isUnsupported(answer) ? 'E_UNSUPPORTED' : code, `${what}: ${complaint(answer)}`, {
    hint: retry.test(answer.stderr) ? undefined : needs,
    retry: retry.test(answer.stderr),
  });
}

export interface Refusal {
  readonly answer: Answer;
  readonly code: ErrorCode;
  /** What must be there for it to work: the hint. */
  readonly needs: string;
  /** What it says when the rules changed under its hands, or a lock is taken. */
  readonly retry: RegExp;
}
