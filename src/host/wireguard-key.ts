import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FlanError } from '../errors.js';
import type { Warning } from '../model/warning.js';
import { writeFileAtomic } from '../sys/atomic-file.js';
import { makeFolder } from '../sys/make-folder.js';

/** This node's key pair. It prints as its public half: the private one is only there for whoever asks for it by name. */
export interface WireguardKey {
  /** Base64. */
  readonly publicKey: string;
  /** 32 bytes. */
  privateKey(): Uint8Array;
}

const KEY_BYTES = 32;
const MODE = 0o600;
/** PKCS#8 around a raw X25519 key. @see RFC 8410 §7 */
const PKCS8_START = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** @returns undefined when there is no such file @throws {FlanError} E_DATA, E_PERMISSION, E_FILE */
export function readWireguardKey(path: string): WireguardKey | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError('read', path, cause);
  }
  const secret = Buffer.from(text, 'base64');
  // The content is left out of the message: what is nearly a key is nearly as secret as one.
  if (secret.length !== KEY_BYTES || secret.toString('base64') !== text) {
    throw new FlanError('E_DATA', `${path} does not hold a WireGuard key: 32 bytes in base64`, {
      where: path,
      hint: 'Delete the file: flan makes a new key then, and peers learn it by themselves.',
    });
  }
  return wireguardKeyOf(secret);
}

/**
 * The key in the file; where there is none, a new one, which is written whole or not at all. Of several processes that
 * do this at once one writes and all get its key.
 */
export function ensureWireguardKey(path: string): WireguardKey {
  const existing = readWireguardKey(path);
  if (existing !== undefined) return existing;
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}`);
  try {
    makeFolder(folder, 0o755);
    writeFileAtomic(temporary, newSecret().toString('base64'), MODE);
    try {
      linkSync(temporary, path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    } finally {
      rmSync(temporary, { force: true });
    }
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  const made = readWireguardKey(path);
  if (made === undefined) throw new FlanError('E_FILE', `${path} vanished while it was made`, { retry: true });
  return made;
}

/** Puts a new key in the place of the one in the file. */
export function replaceWireguardKey(path: string): WireguardKey {
  const key = wireguardKeyOf(newSecret());
  writeWireguardKey(path, key);
  return key;
}

export function writeWireguardKey(path: string, key: WireguardKey): void {
  try {
    makeFolder(dirname(path), 0o755);
    writeFileAtomic(path, Buffer.from(key.privateKey()).toString('base64'), MODE);
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}

/** Whether others than the owner can read the key. */
export function keyFileWarnings(path: string): readonly Warning[] {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) === 0) return [];
  return [
    {
      code: 'W_KEY_FILE_MODE',
      message: `${path} has mode ${(mode & 0o777).toString(8)}: others can use this node's private key`,
      hint: 'Set it to 600, then change the key: flan wireguard rotate-key.',
    },
  ];
}

export function wireguardKeyOf(secret: Uint8Array): WireguardKey {
  const key: KeyObject = createPrivateKey({ key: Buffer.concat([PKCS8_START, secret]), format: 'der', type: 'pkcs8' });
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return { publicKey: Buffer.from(x, 'base64url').toString('base64'), privateKey: () => Uint8Array.from(secret) };
}

/** Clamped as the kernel does it, so that the file and the device hold the same bytes. @see RFC 7748 §5 */
function newSecret(): Buffer {
  const secret = randomBytes(KEY_BYTES);
  secret[0] = (secret[0] ?? 0) & 0xf8;
  secret[31] = ((secret[31] ?? 0) & 0x7f) | 0x40;
  return secret;
}

function fileError(what: string, path: string, cause: unknown): FlanError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new FlanError(denied ? 'E_PERMISSION' : 'E_FILE', `cannot ${what} ${path}: ${code ?? message}`, {
    hint: denied ? 'Run as root, or choose another path with --wireguard-key-file.' : undefined,
    where: path,
    cause,
  });
}
