import { afterAll, beforeAll } from 'vitest';
import { leaseStoreContract } from '../../contracts/lease-store.js';
import { type EtcdServer, startEtcd } from '../../support/etcd.js';
import { etcdBed } from './bed.js';

let server: EtcdServer;
beforeAll(async () => {
  server = await startEtcd();
});
afterAll(() => server.close());

leaseStoreContract({ name: 'etcd', make: () => etcdBed(server) });
