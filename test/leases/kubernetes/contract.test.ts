import type { LeaseStore } from '../../../src/leases/store.js';
import type { Lease } from '../../../src/model/lease.js';
import { subnetsOf } from '../../../src/model/lease.js';
import { leaseStoreContract, type StoreBed } from '../../contracts/lease-store.js';
import { type KubeBed, kubeBed } from '../../support/fake-kube/bed.js';
import { makeNode } from '../../support/fake-kube/objects.js';
import type { WatchBehaviour } from '../../support/fake-kube/watch.js';

const PREFIX = 'flannel.alpha.coreos.com/';

/** One Node per store here, where the suite has one client for all: the request says which Node is meant. */
function forAnyNode(bed: KubeBed): LeaseStore {
  const any = bed.store('no-such-node');
  return {
    ...any,
    acquire: (request, signal) => bed.store(request.identity.node).acquire(request, signal),
    renew: (lease, request, signal) => bed.store(lease.node ?? '').renew(lease, request, signal),
    release: (lease, signal) => bed.store(lease.node ?? '').release(lease, signal),
  };
}

const bedWith = (behaviour: Partial<WatchBehaviour>) => async (): Promise<StoreBed> => {
  const bed = await kubeBed(behaviour);
  const { nodes } = bed.kube;
  const holding = (cidr: string) => nodes.all().find((node) => node.spec?.podCIDR === cidr)?.metadata.name;
  const put = async (lease: Lease): Promise<void> => {
    const podCIDRs = subnetsOf(lease);
    const holder = holding(podCIDRs[0] ?? '');
    const name = lease.node ?? lease.key;
    if (holder !== undefined && holder !== name) nodes.delete(holder);
    const annotations = {
      [`${PREFIX}kube-subnet-manager`]: 'true',
      [`${PREFIX}backend-type`]: lease.backendType,
      [`${PREFIX}backend-data`]: 'null',
      [`${PREFIX}public-ip`]: lease.ipv4?.publicIp ?? '',
    };
    nodes.put(makeNode({ name, podCIDRs, annotations }));
  };
  return {
    client: async () => forAnyNode(bed),
    configure: bed.configure,
    async addNode({ node }) {
      const free = [1, 2, 3, 4].map((n) => `10.3.${n}.0/24`).find((cidr) => holding(cidr) === undefined);
      if (nodes.get(node) === undefined && free) nodes.put(makeNode({ name: node, podCIDRs: [free] }));
    },
    put,
    async remove(key) {
      const holder = holding(key.replace('-', '/'));
      if (holder !== undefined) nodes.delete(holder);
    },
    async corrupt() {
      const annotations = { [`${PREFIX}kube-subnet-manager`]: 'true', [`${PREFIX}public-ip`]: '192.0.2.300' };
      nodes.put(makeNode({ name: 'broken', podCIDRs: ['10.3.9.0/24'], annotations }));
      return 'broken';
    },
    async loseHistory(meanwhile) {
      await bed.kube.stop();
      await meanwhile();
      nodes.compact();
      await bed.kube.start();
    },
    disconnect: () => bed.kube.stop(),
    reconnect: () => bed.kube.start(),
    close: () => bed.close(),
  };
};

const skip = {
  'previous subnet': 'the subnet is the podCIDR that Kubernetes gave the Node',
  exhaustion: 'the controller manager gives out podCIDRs, not flan',
} as const;

leaseStoreContract({ name: 'kubernetes, streamed lists', make: bedWith({ streams: true }), skip });
leaseStoreContract({
  name: 'kubernetes, 410 in the stream',
  make: bedWith({ streams: false, expiry: 'in-stream' }),
  skip,
});
leaseStoreContract({ name: 'kubernetes, 410 by HTTP', make: bedWith({ streams: false, expiry: 'http' }), skip });
