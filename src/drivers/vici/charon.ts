import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FlanError } from '../../errors.js';
import { writeFileAtomic } from '../../sys/atomic-file.js';
import { inNetns } from '../../sys/netns.js';
import { realPathOf } from '../run-tool.js';
import { markOf, type ProcessMark } from '../tunnel-state.js';
import { openVici } from './client.js';

/** Where distributions put charon, which is not in PATH. */
const FOLDERS = [
  ...['/usr/lib/strongswan', '/usr/lib/ipsec', '/usr/libexec/strongswan', '/usr/libexec/ipsec'],
  ...['/usr/local/libexec/ipsec', '/usr/local/lib/ipsec'],
];

/** @returns undefined when it is not installed */
export const findCharon = (): string | undefined =>
  realPathOf('charon', { searchPath: [process.env.PATH ?? '', ...FOLDERS].join(delimiter) });

/** Where charon's process id and socket are, as it is built to put them. */
export const CHARON_FOLDER = '/run';

export interface CharonPlace {
  /**
   * Where its socket, process id, configuration and log are to be seen. Other than `CHARON_FOLDER` it is mounted in that
   * one's place for charon alone: nodes in namespaces of one host have a charon each.
   */
  readonly folder: string;
  readonly netns?: string | undefined;
}

/** Debian's AppArmor profile lets charon use `/run/charon.*` and nothing else there. */
const FILES = { socket: 'charon.vici', pid: 'charon.pid', config: 'charon.flan.conf', log: 'charon.flan.log' } as const;

export const charonSocket = ({ folder }: CharonPlace): string => join(folder, FILES.socket);

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
  const { folder } = place;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  removeStalePid(join(folder, FILES.pid));
  writeFileAtomic(join(folder, FILES.config), configText(), 0o600);
  const log = openSync(join(folder, FILES.log), 'w', 0o600);
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
  const env = { PATH, STRONGSWAN_CONF: join(CHARON_FOLDER, FILES.config), LC_ALL: 'C' };
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

function cannotStart({ folder }: CharonPlace, how: string): FlanError {
  const said = textOf(join(folder, FILES.log))?.trim().split('\n').at(-1) ?? '';
  return new FlanError('E_CHARON', `charon cannot be started: ${said || how}`, {
    hint: `Look at ${join(folder, FILES.log)}.`,
    retry: true,
  });
}

/** Asks the charon that flan started to end, which takes its SAs and policies out of the kernel. @throws {FlanError} */
export async function stopCharon(mark: ProcessMark): Promise<void> {
  const deadlineMs = performance.now() + STOP_TIMEOUT_MS;
  if (isRunning(mark)) process.kill(mark.pid, 'SIGTERM');
  while (isRunning(mark)) {
    if (performance.now() > deadlineMs) {
      throw new FlanError('E_CHARON', `charon (pid ${mark.pid}) does not end`, {
        hint: `End it with \`kill -9 ${mark.pid}\`, and run flan again.`,
        retry: true,
      });
    }
    await sleep(POLL_MS);
  }
}

/** What a charon that flan started leaves in its folder. */
export function removeFiles(folder: string): void {
  const isShared = folder === CHARON_FOLDER;
  const files = isShared ? [FILES.config, FILES.log] : Object.values(FILES);
  for (const file of files) rmSync(join(folder, file), { force: true });
  if (!isShared && existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

export const isRunning = (mark: ProcessMark): boolean =>
  markOf(mark.pid)?.started === mark.started && !isZombie(mark.pid);

/** Has ended, and nobody has asked how: in a container there may be nobody who does. @see proc_pid_stat(5), field 3 */
const isZombie = (pid: number): boolean => /^.*\) Z /s.test(textOf(`/proc/${pid}/stat`) ?? '');

/** charon takes any process with the number in its file for another charon. */
function removeStalePid(path: string): void {
  const pid = Number(textOf(path)?.trim() || Number.NaN);
  const name = Number.isInteger(pid) ? textOf(`/proc/${pid}/comm`)?.trim() : undefined;
  if (name !== 'charon' || isZombie(pid)) rmSync(path, { force: true });
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Only what the backend needs: no configuration of this host's, no routes. A peer that is silent is given up after
 * 2 + 3 + 4.5 + 6.8 + 10 s instead of almost three minutes. @see strongswan.conf(5)
 */
const configText = (): string =>
  [
    'charon {',
    `  load = ${PLUGINS.join(' ')}`,
    '  install_routes = no',
    '  install_virtual_ip = no',
    '  retransmit_timeout = 2.0',
    '  retransmit_base = 1.5',
    '  retransmit_tries = 4',
    `  plugins { vici { socket = unix://${join(CHARON_FOLDER, FILES.socket)} } }`,
    '  filelog { stderr { default = 0 } }',
    '  syslog { daemon { default = -1 } auth { default = -1 } }',
    '}',
    '',
  ].join('\n');

/** What of these is not installed charon does without. */
const PLUGINS = [
  ...['random', 'nonce', 'openssl', 'aes', 'sha1', 'sha2', 'hmac', 'kdf', 'gcm', 'gmp', 'curve25519', 'chapoly'],
  ...['pem', 'pkcs1', 'x509', 'pubkey', 'constraints', 'drbg', 'kernel-netlink', 'socket-default', 'vici', 'updown'],
  'counters',
];
