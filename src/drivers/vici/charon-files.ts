import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../sys/atomic-file.js';
import { isZombie } from '../../sys/process-mark.js';

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
export const charonLog = ({ folder }: CharonPlace): string => join(folder, FILES.log);

/** As charon itself sees it. */
export const CONFIG_PATH = join(CHARON_FOLDER, FILES.config);

/** What must be so before a charon is started. */
export function prepareFiles({ folder }: CharonPlace): void {
  removeStalePid(join(folder, FILES.pid));
  writeFileAtomic(join(folder, FILES.config), configText(), 0o600);
}

/** charon takes any process with the number in its file for another charon. */
function removeStalePid(path: string): void {
  const pid = Number(textOf(path)?.trim() || Number.NaN);
  const name = Number.isInteger(pid) ? textOf(`/proc/${pid}/comm`)?.trim() : undefined;
  if (name !== 'charon' || isZombie(pid)) rmSync(path, { force: true });
}

/** The last line of what charon said. */
export const lastWords = (place: CharonPlace): string => textOf(charonLog(place))?.trim().split('\n').at(-1) ?? '';

/** What a charon that flan started leaves in its folder. */
export function removeFiles(folder: string): void {
  const isShared = folder === CHARON_FOLDER;
  const files = isShared ? [FILES.config, FILES.log] : Object.values(FILES);
  for (const file of files) rmSync(join(folder, file), { force: true });
  if (!isShared && existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
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
