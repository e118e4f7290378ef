import type { EtcdClient } from './client.js';
import { type Entries, type Expiries, readEntries } from './entries.js';
import { type Folder, readFolder } from './folder.js';
import type { Layout } from './keys.js';

/** All leases at one revision. */
export interface Reading {
  readonly folder: Folder;
  readonly entries: Entries;
}

/**
 * Reads all leases. A daemon that starts needs them three times in a row, to see what is its own, to acquire, and to
 * follow: what one has just read is handed on to the next. That is safe, for writes happen only if what they were
 * decided from still holds, and who follows goes on from the revision that was read.
 */
export interface Readings {
  /** Asks the server. */
  fresh(signal: AbortSignal): Promise<Reading>;
  /** What was handed on a moment ago, once; undefined when there is no such. */
  handed(): Reading | undefined;
  handOn(reading: Reading): void;
  /** Nothing is kept any more: it would only take memory. */
  keepNone(): void;
}

export interface ReadingsInit {
  readonly client: EtcdClient;
  readonly layout: Layout;
  readonly pageSize: number;
  readonly expiries: Expiries;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const MOMENT_MS = 2000;

export function readings({ client, layout, pageSize, expiries, now }: ReadingsInit): Readings {
  let last: { readonly reading: Reading; readonly atMs: number } | undefined;
  let keeps = true;
  return {
    async fresh(signal) {
      const folder = await readFolder({ client, layout, signal, pageSize });
      return { folder, entries: readEntries(folder.entries, { layout, expiries }) };
    },
    handOn(reading) {
      if (keeps) last = { reading, atMs: now() };
    },
    handed() {
      const found = last;
      last = undefined;
      return found !== undefined && Math.abs(now() - found.atMs) < MOMENT_MS ? found.reading : undefined;
    },
    keepNone() {
      keeps = false;
      last = undefined;
    },
  };
}
