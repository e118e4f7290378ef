import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { delimiter } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FlanError } from '../../errors.js';
import { makeFolder } from '../../sys/make-folder.js';
import { inNetns } from '../../sys/netns.js';
import { isRunning, markOf, type ProcessMark } from '../../sys/process-mark.js';
import { realPathOf } from '../run-tool.js';
import {
  CHARON_FOLDER,
  type CharonPlace,
  CONFIG_PATH,
  charonLog,
  charonSocket,
  lastWords,
  prepareFiles,
} from './charon-files.js';
import { openVici } from './client.js';

/** Where distributions put charon, which is not in PATH. */
const FOLDERS = [
  ...['/usr/lib/strongswan', '/usr/lib/ipsec', '/usr/libexec/strongswan', '/usr/libexec/ipsec'],
  ...['/usr/local/libexec/ipsec', '/usr/local/lib/ipsec'],
];

/** @returns undefined when it is not installed */
export const findCharon = (): string | undefined =>
  realPathOf('charon', { searchPath: [process.env.PATH ?? '', ...FOLDERS].join(delimiter) });

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

/** In a mount namespace of its own, with its folder at the place that it was built for. */
const MOUNTED = 'mount --bind "$1" "$2"; exec "$3"';

export interface CharonStart {
  readonly place: CharonPlace;
  /** Told of its process before it answers: whoever is killed meanwhile has left a note of it. */
  readonly born: (mark: ProcessMark) => void;
  readonly signal: AbortSignal;
}

/**
 * Starts a charon that outlives this process: it takes the SAs and policies along when it ends, and packets would go
 * astray until the next one is up. Resolves when it answers. @throws {FlanError} E_CHARON
 */
export async function startCharon({ place, born, signal }: CharonStart): Promise<void> {
  const program = findCharon();
  if (program === undefined) {
    throw new FlanError('E_CHARON', 'charon is not installed', {
      hint: 'Install strongSwan (Debian packages strongswan-charon, strongswan-swanctl, libstrongswan-standard-plugins).',
    });
  }
  makeFolder(place.folder, 0o700);
  prepareFiles(place);
  const log = openSync(charonLog(place), 'w', 0o600);
  try {
    const child = launch({ place, program, log });
    const end = new Promise<string>((resolve) => {
      child.once('error', ({ message }) => resolve(message));
      child.once('exit', (code, name) => resolve(name === null ? `exit code ${code}` : `ended by ${name}`));
    });
    child.unref();
    const mark = markOf(child.pid ?? 0);
    if (mark !== undefined) born(mark);
    await untilItAnswers({ place, end, signal });
  } finally {
    closeSync(log);
  }
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Launch {
  readonly place: CharonPlace;
  readonly program: string;
  /** File descriptor. */
  readonly log: number;
}

function launch({ place: { folder, netns }, program, log }: Launch): ChildProcess {
  // Nothing of flan's own environment, which may hold passwords: charon lives long, and needs none of it.
  const env = { PATH, STRONGSWAN_CONF: CONFIG_PATH, LC_ALL: 'C' };
  // Detached: Ctrl-C at flan does not end the data path too.
  const options: SpawnOptions = { env, cwd: '/', detached: true, stdio: ['ignore', log, log] };
  const words = ['--mount', 'sh', '-ec', MOUNTED, 'sh', folder, CHARON_FOLDER, program];
  const born = () => (folder === CHARON_FOLDER ? spawn(program, [], options) : spawn('unshare', words, options));
  return netns === undefined ? born() : inNetns(netns, born);
}

interface Waiting {
  readonly place: CharonPlace;
  /** How it ended, if it did. */
  readonly end: Promise<string>;
  readonly signal: AbortSignal;
}

async function untilItAnswers({ place, end, signal }: Waiting): Promise<void> {
  let how: string | undefined;
  void end.then((words) => {
    how = words;
  });
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      const client = await openVici(charonSocket(place));
      client.close();
      return;
    } catch (cause) {
      if (how !== undefined) throw cannotStart(place, how);
      if (performance.now() > deadlineMs) throw cause;
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

function cannotStart(place: CharonPlace, how: string): FlanError {
  return new FlanError('E_CHARON', `charon cannot be started: ${lastWords(place) || how}`, {
    hint: `Look at ${charonLog(place)}.`,
    retry: true,
  });
}

/** Asks the charon that flan started to end, which takes its SAs and policies out of the kernel. @throws {FlanError} */
export async function stopCharon(mark: ProcessMark): Promise<void> {
  if (!(await hasEnded(mark, 'SIGTERM'))) throw doesNotEnd(mark);
}

/** The same of one that does not answer, which may not listen to signals either: it is killed then. @throws {FlanError} */
export async function endCharon(mark: ProcessMark): Promise<void> {
  if (!(await hasEnded(mark, 'SIGTERM'))) await killCharon(mark);
}

/** What it has put into the kernel stays there. @throws {FlanError} E_CHARON */
export async function killCharon(mark: ProcessMark): Promise<void> {
  if (!(await hasEnded(mark, 'SIGKILL'))) throw doesNotEnd(mark);
}

async function hasEnded(mark: ProcessMark, signal: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
  const deadlineMs = performance.now() + STOP_TIMEOUT_MS;
  if (isRunning(mark)) process.kill(mark.pid, signal);
  while (isRunning(mark)) {
    if (performance.now() > deadlineMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

const doesNotEnd = ({ pid }: ProcessMark): FlanError =>
  new FlanError('E_CHARON', `charon (pid ${pid}) does not end`, {
    hint: `End it with \`kill -9 ${pid}\`, and run flan again.`,
    retry: true,
  });
