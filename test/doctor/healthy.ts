import type { DoctorFacts, OverlayFacts } from '../../src/doctor/facts.js';
import type { Link } from '../../src/kinds/link.js';
import type { HostLink } from '../../src/model/facts.js';
import type { HostState } from '../../src/model/host-state.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';

export const NOW_MS = Date.parse('2026-03-01T00:00:00Z');

export const lease = (n: number, publicIp = `192.168.10.${n}`): Lease => {
  const subnet = parsePrefix(`10.244.${n}.0/24`);
  return {
    key: leaseKey({ ipv4: subnet }),
    node: `node-${String.fromCharCode(96 + n)}`,
    backendType: 'vxlan',
    ipv4: { subnet, publicIp: parseAddress(publicIp) },
  };
};

export const vxlanLink = (more: Partial<Link> = {}): Link => ({
  ...{ kind: 'link', name: 'flannel.1', type: 'vxlan', up: true, mtu: 1450, alias: 'flan 10.244.0.0/16' },
  fixed: { vni: 1, port: 8472, family: 4, gbp: false, extras: [] },
  ...more,
});

export const hostLink = (name: string, cidr?: string, more: Partial<HostLink> = {}): HostLink => {
  const [address = '', len] = cidr?.split('/') ?? [];
  return {
    ...{ index: 7, name, up: true, loopback: false, mtu: 1500 },
    addresses:
      cidr === undefined
        ? []
        : [
            {
              ...{ address: parseAddress(address), len: Number(len), scope: 'global', permanent: true },
              ...{ deprecated: false, temporary: false },
            },
          ],
    ...more,
  };
};

const network = parsePrefix('10.244.0.0/16');

export const overlay = (more: Partial<OverlayFacts> = {}): OverlayFacts => ({
  network: {
    ipv4: {
      ...{ network, subnetLen: 24, subnetMin: parseAddress('10.244.1.0'), subnetMax: parseAddress('10.244.255.0') },
    },
    nftables: false,
    backend: { type: 'vxlan', options: {} },
  },
  backend: 'vxlan',
  needsWatch: false,
  external: [
    {
      ...{ family: 4, dev: 'eth0', index: 2, mtu: 1500, onLink: [parsePrefix('192.168.10.0/24')] },
      ...{ address: parseAddress('192.168.10.1'), publicIp: parseAddress('192.168.10.1') },
    },
  ],
  links: [
    hostLink('eth0', '192.168.10.1/24'),
    hostLink('flannel.1', '10.244.1.0/32', { kind: 'vxlan', mtu: 1450 }),
    hostLink('cni0', '10.244.1.1/24', { kind: 'bridge', mtu: 1450 }),
  ],
  own: lease(1),
  leases: [lease(1), lease(2), lease(3)],
  mtu: [{ family: 4, dev: 'eth0', underlay: 1500, overhead: 50 }],
  devices: [vxlanLink()],
  vxlans: [{ name: 'flannel.1', vni: 1, port: 8472 }],
  ports: [{ port: 8472, what: 'flannel.1' }],
  sockets: [{ port: 8472, family: 4, inode: 1 }],
  ...{ elsewhere: [], conflicts: [], leftRules: [], iptables: [], warnings: [], quarantined: [] },
  ...more,
});

export const host = (more: Partial<HostState> = {}): HostState => ({
  ...{
    managers: [],
    networkdFiles: [],
    networkManagerFiles: [],
    firewalldZones: [],
    programs: [],
    devices: ['/dev/net/tun'],
  },
  modules: { vxlan: 'present', wireguard: 'present', ipip: 'present' },
  sysctls: { 'net/ipv4/ip_forward': '1', 'net/ipv4/conf/all/rp_filter': '0' },
  capabilities: ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_ADMIN'],
  ...more,
});

/** A host on which nothing is wrong. */
export const healthy = (more: Partial<DoctorFacts> = {}): DoctorFacts => ({
  nowMs: NOW_MS,
  host: host(),
  store: { type: 'etcd', name: 'etcd https://10.0.0.1:2379', certificates: [] },
  lock: { holder: 'pid 12 (flan watch)' },
  subnetEnv: {
    ...{ path: '/run/flannel/subnet.env', state: 'there', mtu: 1450, mode: 0o644 },
    values: { networks: [network], ipv4: parsePrefix('10.244.1.0/24') },
  },
  ...{ overlay: overlay(), trouble: undefined, netns: undefined },
  ...more,
});
