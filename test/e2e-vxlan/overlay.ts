import { type Lab, type LabFamilies, type LabNode, peerLease } from '../support/lab.js';
import type { TestNetns } from '../support/netns.js';

export type Family = '4' | '6';
export const each = (families: LabFamilies): Family[] => [...families] as Family[];

/** The network config of a vxlan lab; options beside the type as flannel spells them. */
export const vxlanNetwork = (families: LabFamilies, backend: object = {}): object => ({
  ...(families.includes('4') ? { Network: '10.244.0.0/16' } : { EnableIPv4: false }),
  ...(families.includes('6') ? { EnableIPv6: true, IPv6Network: 'fd00:10:244::/48' } : {}),
  Backend: { Type: 'vxlan', ...backend },
});

export const DEVICE: Readonly<Record<Family, string>> = { '4': 'flannel.1', '6': 'flannel-v6.1' };
/** The first host address of the n-th node's subnet, counted from 1. */
export const GATEWAY: Readonly<Record<Family, (n: number) => string>> = {
  '4': (n) => `10.244.${n}.1`,
  '6': (n) => `fd00:10:244:${n}::1`,
};
export const SUBNET: Readonly<Record<Family, (n: number) => string>> = {
  '4': (n) => `10.244.${n}.0/24`,
  '6': (n) => `fd00:10:244:${n}::/64`,
};
/** The address of the n-th node's VTEP inside the overlay. */
export const VTEP: Readonly<Record<Family, (n: number) => string>> = {
  '4': (n) => `10.244.${n}.0`,
  '6': (n) => `fd00:10:244:${n}::`,
};
export const UNDERLAY: Readonly<Record<Family, (n: number) => string>> = {
  '4': (n) => `192.168.10.${n}`,
  '6': (n) => `fd00:192:168:10::${n}`,
};

/** Gives every node its lease before anybody starts, so that subnets are known. */
export function putLeases(lab: Lab, families: LabFamilies): void {
  for (const { name } of lab.nodes) lab.put(`${name}.yaml`, peerLease(name.slice(-1), families));
}

/** Everything of the overlay that a node's kernel holds, as iproute2 shows it, without what changes by itself. */
export async function overlayState({ netns }: LabNode, families: LabFamilies): Promise<string> {
  const one = async (family: Family): Promise<string[]> => {
    const dev = DEVICE[family];
    return Promise.all([
      // Nothing to show is no failure: the state is then without it.
      netns.sh(
        `ip -d link show dev ${dev} | sed -e 's/^[0-9]*: //' -e 's/ state [A-Z]*//' -e 's/promisc.*minmtu/minmtu/'`,
      ),
      netns.sh(`ip -${family} addr show dev ${dev} scope global | grep -w inet6\\\\? || true`),
      netns.sh(`ip -N -${family} neigh show dev ${dev} nud permanent | sort || true`),
      netns.sh(`bridge fdb show dev ${dev} | sort || true`),
      netns.sh(`ip -N -${family} route show proto 70 | sort`),
      netns.sh(`cat /proc/sys/net/ipv6/conf/${dev}/accept_ra || true`),
      netns.sh(`ethtool -k ${dev} | grep -w tx-checksum-ip-generic || true`),
    ]);
  };
  return (await Promise.all(each(families).map(one))).flat().join('--\n');
}

const PATIENCE_MS = 10_000;

/** Waits until `look` returns what is expected; rejects with the last thing it returned. */
export async function becomes<T>(look: () => Promise<T>, expected: T): Promise<void> {
  const start = performance.now();
  for (;;) {
    const now = await look().catch((error: unknown) => String(error) as T);
    if (now === expected) return;
    if (performance.now() - start > PATIENCE_MS)
      throw new Error(`still\n${String(now)}\ninstead of\n${String(expected)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Moves the last node into another underlay subnet, 192.168.20.0/24 and fd00:192:168:20::/64, behind a router that
 * has the .254 of both. The router's other leg is the bridge that all are on, so only addresses tell the subnets apart.
 */
export async function moveBehindRouter(lab: Lab): Promise<{ readonly router: TestNetns; readonly moved: LabNode }> {
  const router = lab.makeNetns('router');
  const moved = lab.node(lab.nodes.length - 1);
  const n = lab.nodes.length;
  await router.sh(
    [
      'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad',
      'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding',
      // One leg for both subnets: without this the router would tell them of the short cut.
      'echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects; echo 0 >/proc/sys/net/ipv4/conf/default/send_redirects',
    ].join('\n'),
  );
  await lab.wire.ip(`link add router type veth peer name leg0 netns ${router.name}`);
  await lab.wire.ip('link set router master br0 up');
  await router.sh(`ip addr add 192.168.10.254/24 dev leg0; ip addr add 192.168.20.254/24 dev leg0
    ip addr add fd00:192:168:10::254/64 dev leg0 nodad; ip addr add fd00:192:168:20::254/64 dev leg0 nodad
    ip link set leg0 up
    iptables -w -A OUTPUT -p icmp --icmp-type redirect -j DROP; ip6tables -w -A OUTPUT -p icmpv6 --icmpv6-type redirect -j DROP`);
  await moved.netns.sh(`ip addr flush dev eth0 scope global
    ip addr add 192.168.20.${n}/24 dev eth0; ip addr add fd00:192:168:20::${n}/64 dev eth0 nodad
    ip route replace default via 192.168.20.254; ip -6 route replace default via fd00:192:168:20::254`);
  return { router, moved };
}
