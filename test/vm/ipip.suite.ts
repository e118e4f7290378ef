import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { expect } from 'vitest';
import { inNetns } from '../../src/sys/netns.js';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';
import { applyNode, becomes, type RunningNode, watchNode } from './node.js';

const DEVICE = 'flannel.ipip';
const network = (backend: object = {}): object => ({
  Network: '10.244.0.0/16',
  Backend: { Type: 'ipip', ...backend },
});
const ipipTest = (name: string, nodes: number, action: (lab: Lab) => Promise<void>, backend: object = {}): void =>
  labTest(name, { nodes, needs: ['ipip'], network: network(backend), timeoutMs: 120_000 }, action);

/** The first host address of the n-th node's subnet, counted from 1. */
const pod = (n: number): string => `10.244.${n}.1`;

interface LinkShown {
  readonly ifindex: number;
  readonly mtu: number;
  readonly ifalias?: string;
  readonly flags: readonly string[];
  readonly linkinfo: { readonly info_kind: string; readonly info_data: Readonly<Record<string, unknown>> };
  readonly stats64?: { readonly tx: { readonly packets: number }; readonly rx: { readonly packets: number } };
}

async function shown({ netns }: LabNode): Promise<LinkShown> {
  const [link] = (await netns.ipJson(`-d -s link show ${DEVICE}`)) as readonly [LinkShown];
  return link;
}

/** Everything of the overlay that the kernel holds, as ip(8) shows it, without what changes by itself. */
const stateOf = ({ netns }: LabNode): Promise<string> =>
  netns.sh(
    [
      `ip -d link show dev ${DEVICE} | sed -e 's/^[0-9]*: //' -e 's/promisc.*minmtu/minmtu/'`,
      `ip -4 -o addr show dev ${DEVICE} | cut -d' ' -f2- | sort`,
      'ip -4 route show proto 70 | sort',
    ].join('; '),
  );

const startAll = async (lab: Lab): Promise<RunningNode[]> => {
  const running: RunningNode[] = [];
  for (const node of lab.nodes) running.push(await watchNode(lab, node));
  for (const [i, node] of lab.nodes.entries()) {
    // Those that started first have heard of the last one when they have its route.
    for (let n = 1; n <= lab.nodes.length; n++) {
      if (n !== i + 1) await becomes(async () => (await stateOf(node)).includes(`10.244.${n}.0/24 `), true);
    }
    await node.addPods();
  }
  return running;
};

async function pingAll(lab: Lab): Promise<void> {
  for (const [i, node] of lab.nodes.entries()) {
    for (let n = 1; n <= lab.nodes.length; n++) {
      if (n !== i + 1) expect(await node.ping(pod(n), pod(i + 1)), `${node.name} to ${pod(n)}`).toBe('answer');
    }
  }
}

/** A server in a node's namespace that sends the same bytes to everybody. */
async function serve(lab: Lab, { netns }: LabNode, content: Buffer): Promise<number> {
  const server: Server = createServer((socket) => socket.end(content).on('error', () => undefined));
  // Without a host name nothing is looked up, so the socket is made here and now, in the namespace.
  inNetns(netns.name, () => server.listen({ port: 0 }));
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
  lab.onEnd(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

ipipTest('three nodes reach each other through tunnels that read back as planned', 3, async (lab) => {
  await startAll(lab);
  await pingAll(lab);
  const content = randomBytes(1 << 20);
  const port = await serve(lab, lab.node(2), content);
  const received = await lab.node(0).netns.sh(`bash -c 'cat </dev/tcp/${pod(3)}/${port}' | sha256sum`);
  expect(received.split(' ')[0]).toBe(createHash('sha256').update(content).digest('hex'));
  for (const [i, node] of lab.nodes.entries()) {
    const link = await shown(node);
    expect(link).toMatchObject({ mtu: 1480, ifalias: 'flan 10.244.0.0/16', linkinfo: { info_kind: 'ipip' } });
    expect(link.linkinfo.info_data).toMatchObject({ remote: 'any', local: `192.168.10.${i + 1}`, pmtudisc: false });
    expect(link.flags).toContain('UP');
    expect(link.stats64?.tx.packets).toBeGreaterThan(0);
    expect(link.stats64?.rx.packets).toBeGreaterThan(0);
    expect(node.subnetEnv()).toContain('FLANNEL_MTU=1480');
    expect(await applyNode(node)).toMatchObject({ outcomes: [], left: [] });
  }
  // 1480 = 20 IPv4 + 8 ICMP + 1452; as 1500 on the wire with the outer header.
  const send = (bytes: number) =>
    lab
      .node(0)
      .netns.sh(`ping -n -q -c 1 -W 2 -M do -s ${bytes} -I ${pod(1)} ${pod(2)}`)
      .then(
        () => 'passes',
        () => 'does not',
      );
  expect([await send(1452), await send(1453)]).toEqual(['passes', 'does not']);
});

ipipTest('what somebody does to the device, its address and its routes is undone', 1, async (lab) => {
  const node = lab.node(0);
  lab.put('node-b.yaml', peerLease('b'));
  lab.put('node-c.yaml', peerLease('c'));
  const running = await watchNode(lab, node);
  await node.netns.ip(`address add 172.31.0.1/32 dev ${DEVICE}`);
  const right = await stateOf(node);
  expect(right.match(/onlink/g)).toHaveLength(2);
  const { ifindex } = await shown(node);
  const inPlace = [
    `ip link set ${DEVICE} down`,
    `ip link set ${DEVICE} mtu 1300`,
    `ip link set ${DEVICE} type ipip local 192.168.10.77`,
    `ip address del 10.244.1.0/32 dev ${DEVICE}`,
    `ip address add 10.244.9.9/32 dev ${DEVICE}`,
    'ip route del 10.244.2.0/24',
    `ip route replace 10.244.2.0/24 via 192.168.10.9 dev ${DEVICE} onlink proto 70`,
    'ip route replace 10.244.2.0/24 via 192.168.10.2 dev eth0',
    'ip route flush proto 70',
  ];
  for (const command of inPlace) {
    await node.netns.sh(command);
    await becomes(() => stateOf(node), right).catch((error: unknown) => {
      throw new Error(`${command}: ${error}\n${JSON.stringify(running.events, undefined, 1)}`);
    });
  }
  expect((await shown(node)).ifindex).toBe(ifindex);
  // What only a new device can be: the address that is not ours goes with the old one.
  const without = right.replace(/.*172\.31\.0\.1.*\n/, '');
  for (const command of [
    `ip link del ${DEVICE}`,
    `ip link set ${DEVICE} type ipip local 192.168.10.1 ttl 64 pmtudisc`,
    `ip link set ${DEVICE} name renamed0`,
    // Two steps, between which flan may have made its own again: then that is in the way of the second.
    `ip link del ${DEVICE}; ip link add ${DEVICE} type ipip local 192.168.10.1 remote 192.168.10.2 || true`,
  ]) {
    await node.netns.sh(command);
    await becomes(() => stateOf(node), without).catch((error: unknown) => {
      throw new Error(`${command}: ${error}\n${JSON.stringify(running.events, undefined, 1)}`);
    });
  }
  expect(await node.netns.ip('link show type ipip')).not.toContain('renamed0');
});

ipipTest('a node that gets another address is reached again, through the same device', 2, async (lab) => {
  const [a, b] = [lab.node(0), lab.node(1)];
  await startAll(lab);
  await pingAll(lab);
  const { ifindex } = await shown(b);
  await b.netns.sh(
    'ip addr del 192.168.10.2/24 dev eth0; ip addr add 192.168.10.22/24 dev eth0; ip route replace default via 192.168.10.254',
  );
  await becomes(async () => (await stateOf(a)).includes('10.244.2.0/24 via 192.168.10.22 '), true);
  await becomes(async () => (await shown(b)).linkinfo.info_data.local, '192.168.10.22');
  await pingAll(lab);
  expect((await shown(b)).ifindex).toBe(ifindex);
  expect(b.subnetEnv()).toContain('FLANNEL_SUBNET=10.244.2.1/24');
});

ipipTest('packets flow while a node restarts, and the restart changes nothing', 2, async (lab) => {
  const [first] = await startAll(lab);
  const node = lab.node(0);
  const before = await stateOf(node);
  const ping = node.netns.sh(`ping -n -q -i 0.02 -c 150 -W 2 -I ${pod(1)} ${pod(2)}`);
  await first?.stop();
  expect(await stateOf(node)).toBe(before);
  const again = await watchNode(lab, node);
  expect(await ping).toContain(' 0% packet loss');
  expect(again.events.filter(({ type }) => type === 'applied')).toEqual([]);
  expect(await stateOf(node)).toBe(before);
});

ipipTest('what flanneld left is taken over without a lost packet', 2, async (lab) => {
  const leave = async (node: LabNode, n: number, peer: number): Promise<void> => {
    await node.netns.sh(
      [
        `ip link add ${DEVICE} mtu 1480 type ipip local 192.168.10.${n} remote any nopmtudisc`,
        `ip address add 10.244.${n}.0/32 dev ${DEVICE}`,
        `ip link set ${DEVICE} up`,
        `ip route add 10.244.${peer}.0/24 via 192.168.10.${peer} dev ${DEVICE} onlink proto boot`,
      ].join('; '),
    );
  };
  await leave(lab.node(0), 1, 2);
  await leave(lab.node(1), 2, 1);
  const node = lab.node(0);
  const { ifindex } = await shown(node);
  await expect(applyNode(node)).rejects.toMatchObject({ code: 'E_CONFLICT' });
  const ping = node.netns.sh(`ping -n -q -i 0.01 -c 300 -W 2 -I 10.244.1.0 10.244.2.0`);
  const { outcomes, left } = await applyNode(node, 'yes');
  expect(await ping).toContain(' 0% packet loss');
  expect(outcomes.map(({ status }) => status)).not.toContain('failed');
  expect(left).toEqual([]);
  expect(await shown(node)).toMatchObject({ ifindex, ifalias: 'flan 10.244.0.0/16' });
  expect(await stateOf(node)).toContain('10.244.2.0/24 via 192.168.10.2 dev flannel.ipip onlink');
  expect((await applyNode(node)).outcomes).toEqual([]);
});

ipipTest('a device of another kind under its name is left alone, or replaced when asked to', 1, async (lab) => {
  const node = lab.node(0);
  lab.put('node-b.yaml', peerLease('b'));
  await node.netns.ip(`link add ${DEVICE} type bridge`);
  await expect(applyNode(node)).rejects.toMatchObject({ code: 'E_CONFLICT' });
  expect(await shown(node)).toMatchObject({ linkinfo: { info_kind: 'bridge' } });
  const { left } = await applyNode(node, 'yes');
  expect(left).toEqual([]);
  expect(await shown(node)).toMatchObject({ linkinfo: { info_kind: 'ipip' }, ifalias: 'flan 10.244.0.0/16' });
  expect(await stateOf(node)).toContain('10.244.2.0/24 via 192.168.10.2 dev flannel.ipip onlink');
});

ipipTest('somebody else’s tunnel from the same address is named, and waited for', 1, async (lab) => {
  const node = lab.node(0);
  await node.netns.ip('link add other0 type ipip local 192.168.10.1 remote any');
  const running = await watchNode(lab, node);
  const { error } = await running.until('failed', ({ key }) => key === `link/${DEVICE}`);
  expect(error).toMatchObject({ code: 'E_EXISTS', message: expect.stringContaining('other0') });
  await node.netns.ip('link del other0');
  await becomes(async () => (await stateOf(node)).includes('10.244.1.0/32'), true);
});

ipipTest(
  'with DirectRouting only peers behind a router are reached through the tunnel',
  3,
  async (lab) => {
    const router =
      'for i in 10 20; do ip addr add 192.168.$i.254/24 dev br0; done; echo 1 >/proc/sys/net/ipv4/ip_forward';
    await lab.wire.sh(`${router}; echo 0 | tee /proc/sys/net/ipv4/conf/*/send_redirects`);
    await lab
      .node(2)
      .netns.sh(
        'ip addr flush dev eth0; ip addr add 192.168.20.3/24 dev eth0; ip route add default via 192.168.20.254',
      );
    lab.put('node-c.yaml', { ...peerLease('c'), publicIP: '192.168.20.3' });
    await startAll(lab);
    await pingAll(lab);
    const state = await stateOf(lab.node(0));
    expect(state).toContain('10.244.2.0/24 via 192.168.10.2 dev eth0');
    expect(state).toContain(`10.244.3.0/24 via 192.168.20.3 dev ${DEVICE} onlink`);
    // Another way to the peer, and back: what is direct follows the underlay.
    await lab.node(0).netns.ip('route add 192.168.20.3 dev eth0');
    await becomes(async () => (await stateOf(lab.node(0))).includes('10.244.3.0/24 via 192.168.20.3 dev eth0'), true);
    await lab.node(0).netns.ip('route del 192.168.20.3 dev eth0');
    await becomes(async () => (await stateOf(lab.node(0))).includes(`192.168.20.3 dev ${DEVICE} onlink`), true);
    await pingAll(lab);
  },
  { DirectRouting: true },
);
