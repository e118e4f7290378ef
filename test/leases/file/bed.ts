import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeNetwork } from '../../../src/config/network.js';
import { encodeLeaseFields } from '../../../src/leases/file/fields.js';
import { type FileStoreOptions, fileStore } from '../../../src/leases/file/store.js';
import type { Lease } from '../../../src/model/lease.js';
import type { Network } from '../../../src/model/network.js';
import type { StoreBed } from '../../contracts/lease-store.js';

export interface FileBed extends StoreBed {
  readonly path: string;
  readonly root: string;
  /** Writes a file of the folder as an editor without temporary files would. */
  write(name: string, text: string): void;
}

export const makeStore = (options: Pick<FileStoreOptions, 'path'> & Partial<FileStoreOptions>) =>
  fileStore({ decodeNetwork, ...options });

export function netConf({ ipv4, ipv6, backend }: Network): object {
  return {
    ...(ipv4 && {
      Network: ipv4.network,
      SubnetLen: ipv4.subnetLen,
      SubnetMin: ipv4.subnetMin,
      SubnetMax: ipv4.subnetMax,
    }),
    ...(ipv6 && {
      EnableIPv6: true,
      EnableIPv4: ipv4 !== undefined,
      IPv6Network: ipv6.network,
      IPv6SubnetLen: ipv6.subnetLen,
      IPv6SubnetMin: ipv6.subnetMin,
      IPv6SubnetMax: ipv6.subnetMax,
    }),
    Backend: { Type: backend.type },
  };
}

/** A folder as a place of leases. */
export async function folderBed(options: Partial<FileStoreOptions> = {}): Promise<FileBed> {
  const root = mkdtempSync(join(tmpdir(), 'flan-leases-'));
  const path = join(root, 'leases');
  mkdirSync(path);
  const write = (name: string, text: string) => writeFileSync(join(path, name), text);
  const put = async (lease: Lease) => write(`${lease.key}.json`, JSON.stringify(encodeLeaseFields(lease)));
  return {
    root,
    path,
    write,
    put,
    client: async () => makeStore({ path, ...options }),
    configure: async (network) => write('network.json', JSON.stringify(netConf(network))),
    remove: async (key) => rmSync(join(path, `${key}.json`), { force: true }),
    async corrupt() {
      write('broken.yaml', 'subnet: [');
      return 'broken.yaml';
    },
    async loseHistory(meanwhile) {
      const aside = join(root, 'aside');
      renameSync(path, aside);
      try {
        mkdirSync(path);
        for (const n of [1, 2]) write(`10.3.${n}.0-24.json`, JSON.stringify({ subnet: `10.3.${n}.0/24` }));
        await meanwhile();
        write('network.json', JSON.stringify({ Network: '10.3.0.0/16', Backend: { Type: 'host-gw' } }));
      } finally {
        rmSync(aside, { recursive: true });
      }
    },
    disconnect: async () => renameSync(path, join(root, 'away')),
    reconnect: async () => renameSync(join(root, 'away'), path),
    close: async () => rmSync(root, { recursive: true, force: true }),
  };
}
