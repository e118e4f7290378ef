import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeLeaseFields } from '../../../src/leases/file/fields.js';
import type { Lease, LeaseKey } from '../../../src/model/lease.js';
import type { Network } from '../../../src/model/network.js';
import { leaseStoreContract, type StoreBed } from '../../contracts/lease-store.js';
import { folderBed, makeStore, netConf } from './bed.js';

leaseStoreContract({ name: 'file, a folder', make: () => folderBed() });

leaseStoreContract({ name: 'file, a folder, with expiry', make: () => folderBed({ ttlMs: 3_600_000 }) });

leaseStoreContract({
  name: 'file, one file',
  make: oneFileBed,
  skip: { 'lost history': 'one file has no history: whoever reads it reads all of it' },
});

/** The one-file form: everything is replaced at each change, as an editor does. */
async function oneFileBed(): Promise<StoreBed> {
  const root = mkdtempSync(join(tmpdir(), 'flan-one-file-'));
  const path = join(root, 'cluster.json');
  let network: object | undefined;
  let bad: object[] = [];
  const clients = () => makeStore({ path });
  const save = (leases: readonly unknown[]) => {
    const text = JSON.stringify({ network, leases: [...leases, ...bad] });
    writeFileSync(join(root, 'next'), text);
    renameSync(join(root, 'next'), path);
  };
  const stored = async (): Promise<readonly Lease[]> => (await clients().list(new AbortController().signal)).leases;
  const without = async (key: LeaseKey) => (await stored()).filter((lease) => lease.key !== key).map(encodeLeaseFields);
  save([]);
  return {
    client: async () => clients(),
    async configure(next: Network) {
      network = netConf(next);
      save((await stored()).map(encodeLeaseFields));
    },
    put: async (lease) => save([...(await without(lease.key)), encodeLeaseFields(lease)]),
    remove: async (key) => save(await without(key)),
    async corrupt() {
      const leases = (await stored()).map(encodeLeaseFields);
      bad = [{ subnet: 'nonsense' }];
      save(leases);
      return 'cluster.json#';
    },
    disconnect: async () => renameSync(path, join(root, 'away')),
    reconnect: async () => renameSync(join(root, 'away'), path),
    close: async () => rmSync(root, { recursive: true, force: true }),
  };
}
