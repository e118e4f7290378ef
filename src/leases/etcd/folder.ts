import { FlanError } from '../../errors.js';
import type { EtcdClient } from './client.js';
import { hasMeaning } from './failure.js';
import { after, type Layout, toBytes } from './keys.js';
import { type KeyValue, RANGE } from './proto.js';

/** All lease keys at one revision. */
export interface Folder {
  readonly entries: readonly KeyValue[];
  readonly revision: number;
  /** Another cluster id at the same address: somebody started anew, revisions mean nothing any more. */
  readonly clusterId: bigint;
}

interface ReadFolder {
  readonly client: EtcdClient;
  readonly layout: Layout;
  readonly signal: AbortSignal;
  /** Keys per request. */
  readonly pageSize: number;
}

/** Reads in pages, all at the revision of the first one, whatever is written meanwhile. */
export async function readFolder(input: ReadFolder): Promise<Folder> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readPages(input);
    } catch (error) {
      // Compacted between two pages: only a new revision can be read to its end.
      if (!hasMeaning(error, 'compacted') || attempt === 5) throw error;
    }
  }
}

async function readPages({ client, layout, signal, pageSize }: ReadFolder): Promise<Folder> {
  const entries: KeyValue[] = [];
  const rangeEnd = toBytes(layout.folderEnd);
  let key = toBytes(layout.folder);
  let revision = 0;
  for (;;) {
    const page = await client.call(RANGE, { key, rangeEnd, limit: pageSize, revision }, signal);
    if (page.header === undefined)
      throw new FlanError('E_STORE_PROTOCOL', `${client.name}: an answer without a header`);
    if (revision === 0) revision = page.header.revision;
    for (const entry of page.kvs) entries.push(entry);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return { entries, revision, clusterId: page.header.clusterId };
    key = after(last.key);
  }
}
