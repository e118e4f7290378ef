import { resolve } from 'node:path';
import { FlanError } from '../errors.js';
import type { ReadFile } from './settings-file.js';
import type { SettingKey, Settings } from './settings-table.js';

/** Where the value in force comes from. `text` is for people: `flag --x`, `environment FLAN_X`, `flan.yaml:3`. */
export interface Origin {
  readonly level: 'flag' | 'environment' | 'file' | 'default';
  readonly text: string;
}

export interface Decided {
  readonly value: Settings[SettingKey];
  readonly origin: Origin;
  /** Place among the sources: the lower, the stronger. */
  readonly rank: number;
}

export type Found = Map<SettingKey, Decided>;

export const DEFAULT: Origin = { level: 'default', text: 'default' };

/** The strongest source that says anything about it decides where leases live; `store` itself wins a tie. */
export function decideStore(found: Found): void {
  const hints = [
    { key: 'store', store: undefined },
    { key: 'kubeSubnetMgr', store: 'kubernetes' },
    { key: 'etcdEndpoints', store: 'etcd' },
    { key: 'leases', store: 'file' },
  ] as const;
  let best: { readonly decided: Decided; readonly store: Settings['store'] | undefined } | undefined;
  for (const { key, store } of hints) {
    const decided = found.get(key);
    if (decided === undefined || decided.origin === DEFAULT || decided.value === false) continue;
    if (best === undefined || decided.rank < best.decided.rank) best = { decided, store };
  }
  if (best?.store === undefined) return;
  const { rank, origin } = best.decided;
  found.set('store', { value: best.store, rank, origin: { ...origin, text: `implied by ${origin.text}` } });
}

interface LeasesInput {
  readonly cwd: string;
  readonly exists: (path: string) => boolean;
}

export function decideLeases(found: Found, { cwd, exists }: LeasesInput): void {
  if (found.get('leases')?.origin !== DEFAULT) return;
  const local = resolve(cwd, 'leases');
  const rank = Number.POSITIVE_INFINITY;
  found.set(
    'leases',
    exists(local)
      ? { value: local, rank, origin: { level: 'default', text: 'default: ./leases is there' } }
      : { value: '/var/lib/flan/leases', rank, origin: { level: 'default', text: 'default: there is no ./leases' } },
  );
}

/** systemd names the directories of a unit's StateDirectory=, with colons between them. @see systemd.exec(5) */
export function decideStateDir(found: Found, env: Readonly<Record<string, string | undefined>>): void {
  const [value] = (env.STATE_DIRECTORY ?? '').split(':');
  if (found.get('stateDir')?.origin !== DEFAULT || !value) return;
  const origin: Origin = { level: 'environment', text: 'environment STATE_DIRECTORY' };
  found.set('stateDir', { value, origin, rank: Number.POSITIVE_INFINITY });
}

/** The password's file is read only when it is needed and nothing stronger gives the password itself. */
export function decidePassword(found: Found, readFile: ReadFile): void {
  const [file, password] = [found.get('etcdPasswordFile'), found.get('etcdPassword')];
  if (typeof file?.value !== 'string' || found.get('store')?.value !== 'etcd') return;
  if (password !== undefined && password.rank < file.rank) return;
  const where = file.origin.text;
  if (password?.rank === file.rank) {
    throw new FlanError('E_CONFIG', 'etcdPassword and etcdPasswordFile are both given', { where, hint: 'Keep one.' });
  }
  const text = passwordText({ path: file.value, where, readFile });
  found.set('etcdPassword', { ...file, value: text, origin: { ...file.origin, text: `${file.value} (${where})` } });
}

interface PasswordFile {
  readonly path: string;
  readonly where: string;
  readonly readFile: ReadFile;
}

function passwordText({ path, where, readFile }: PasswordFile): string {
  const refuse = (why: string, cause?: unknown) =>
    new FlanError('E_CONFIG', `the password file ${path} ${why}`, { where, cause, hint: 'Correct etcdPasswordFile.' });
  let text: string | undefined;
  try {
    text = readFile(path);
  } catch (cause) {
    throw refuse(`cannot be read: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  if (text === undefined) throw refuse('does not exist');
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw refuse('is empty');
  return password;
}
