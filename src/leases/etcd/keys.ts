import { posix } from 'node:path';
import type { LeaseKey } from '../../model/lease.js';

/** Where a cluster's network and leases are kept, as flannel lays them out. Pure. */
export interface Layout {
  /** `<prefix>/config`. */
  readonly config: string;
  /** `<prefix>/subnets/`, with the slash: keys that merely begin alike are no leases. */
  readonly folder: string;
  /** The first key after the folder: the end of its range. */
  readonly folderEnd: string;
}

/** Cleans the prefix as Go's path.Join does: `//a/` and `/a` are the same place. */
export function layout(prefix: string): Layout {
  const root = posix.join('/', prefix.startsWith('/') ? prefix : `/${prefix}`).replace(/\/$/, '');
  // '0' follows '/' in ASCII.
  return { config: `${root}/config`, folder: `${root}/subnets/`, folderEnd: `${root}/subnets0` };
}

export const keyName = ({ folder }: Layout, key: LeaseKey): string => `${folder}${key}`;

/** The part after the folder. It identifies the entry even if it cannot be read as a lease. */
export const entryName = ({ folder }: Layout, key: Uint8Array): string => toText(key).slice(folder.length);

export const toBytes = (text: string): Uint8Array => encoder.encode(text);
export const toText = (bytes: Uint8Array): string => decoder.decode(bytes);

/** The smallest key after `key`. */
export function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
