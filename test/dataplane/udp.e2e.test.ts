import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { TunnelState } from '../../src/drivers/tunnel-state.js';
import { type Lab, type LabNode, type LabOptions, labTest, peerLease, required } from '../support/lab.js';
import { transfer } from './transfer.js';

const network = (families: '4' | '6' | '46' = '4') => ({
  ...(families.includes('4') ? { Network: '10.244.0.0/16' } : { EnableIPv4: false }),
  ...(families.includes('6') ? { EnableIPv6: true, IPv6Network: 'fd00:10:244::/48' } : {}),
  Backend: { Type: 'udp' },
});
const options = (families: '4' | '6' | '46' = '4'): LabOptions & { needs: readonly ['tun'] } => ({
  nodes: 2,
  families,
  network: network(families),
  needs: ['tun'],
});

async function both({ nodes }: Lab): Promise<readonly [LabNode, LabNode]> {
  const [a, b] = nodes;
  if (a === undefined || b === undefined) throw new Error('two nodes are needed');
  for (const node of [a, b]) await node.watch();
  for (const node of [a, b]) await node.addPods();
  return [a, b];
}

/** What the carrier of a node says of its tunnel, once it has counted what `until` waits for. */
async function stateOf({ netns, runtimeDir }: LabNode, until: (state: TunnelState) => boolean): Promise<TunnelState> {
  for (let tries = 0; ; tries++) {
    const state = JSON.parse(await netns.sh(`cat ${runtimeDir}/*-tunnel-flannel0.json`)) as TunnelState;
    if (until(state) || tries === 100) return state;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

labTest('packets flow in both families, intact, and are counted', options('46'), async (lab) => {
  const [a, b] = await both(lab);
  expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
  expect(await b.ping('10.244.1.1', '10.244.2.1')).toBe('answer');
  expect(await a.ping('fd00:10:244:2::1', 'fd00:10:244:1::1')).toBe('answer');
  // One hop less on each side, as with flannel.
  expect(await a.netns.sh('ping -n -c 1 -I 10.244.1.1 10.244.2.1')).toContain('ttl=62');
  for (const [to, from] of [
    ['10.244.2.1', '10.244.1.1'],
    ['fd00:10:244:2::1', 'fd00:10:244:1::1'],
  ] as const) {
    const content = randomBytes(20_000_003);
    expect((await transfer({ content, to, from, sender: a.netns, receiver: b.netns })).equals(content)).toBe(true);
  }
  const { totals, peers } = await stateOf(a, ({ totals: t }) => t.outForwarded > 600);
  expect(peers.map(({ subnet, endpoint }) => `${subnet} ${endpoint}`)).toEqual([
    '10.244.2.0/24 192.168.10.2',
    'fd00:10:244:2::/64 fd00:192:168:10::2',
  ]);
  for (const { counts } of peers) expect(counts.sentBytes).toBeGreaterThan(20_000_000);
  expect(totals.outRead).toBe(totals.outForwarded + totals.outNotToOneNode);
  expect(totals.inReceived).toBe(totals.inDelivered);
  for (const node of [a, b]) {
    expect(await node.netns.sh('nstat -asz TcpInCsumErrors | tail -1')).toMatch(/\s0\s/);
  }
});

labTest('a network of IPv6 alone works, and answers too', options('6'), async (lab) => {
  const [a] = await both(lab);
  expect(await a.ping('fd00:10:244:2::1', 'fd00:10:244:1::1')).toBe('answer');
  const ping = (flags: string, to: string) =>
    a.netns.sh(`ping -n -c 1 -W 2 ${flags} -I fd00:10:244:1::1 ${to} || true`);
  expect(await ping('', 'fd00:10:244:77::1')).toMatch(/From fd00:10:244:1::.*no route/i);
  expect(await ping('-t 2', 'fd00:10:244:2::1')).toMatch(/From fd00:10:244:2::.*(Time exceeded|Hop limit)/);
  expect(await a.netns.ip('-o link show flannel0')).toContain('mtu 1452');
});

labTest('what cannot be delivered is answered', options(), async (lab) => {
  const [a] = await both(lab);
  const ping = (flags: string, to: string) => a.netns.sh(`ping -n -c 1 -W 2 ${flags} -I 10.244.1.1 ${to} || true`);
  expect(await ping('', '10.244.77.1')).toMatch(/From 10\.244\.1\.\d.*Destination Net Unreachable/);
  expect(await ping('-t 1', '10.244.2.1')).toMatch(/From 10\.244\.1\.\d.*Time to live exceeded/);
  expect(await ping('-t 2', '10.244.2.1')).toMatch(/From 10\.244\.2\.0.*Time to live exceeded/);
  expect(await ping('-t 3', '10.244.2.1')).toContain('1 received');
  const { totals } = await stateOf(a, ({ totals: t }) => t.icmpSent === 2);
  expect([totals.icmpSent, totals.outNoPeer, totals.outExpired]).toEqual([2, 1, 1]);
});

labTest('the device has the MTU that fits, and senders learn it', options(), async (lab) => {
  const [a] = await both(lab);
  const probe = (bytes: number) =>
    a.netns.sh(`ping -n -c 1 -W 2 -M do -s ${bytes - 28} -I 10.244.1.1 10.244.2.1 2>&1 || true`);
  expect(await probe(1472)).toContain('1 received');
  expect(await probe(1473)).toMatch(/message too long, mtu=1472/i);
  // A pod with the MTU of Ethernet behind it is told to send smaller packets.
  const pod = lab.makeNetns('pod');
  await a.netns.ip(`link add pod0 type veth peer name eth0 netns ${pod.name}`);
  await a.netns.sh('ip link set pod0 master cni0 up; echo 1 > /proc/sys/net/ipv4/ip_forward');
  await pod.sh('ip addr add 10.244.1.7/24 dev eth0; ip link set eth0 up; ip route add default via 10.244.1.1');
  expect(await pod.sh('ping -n -c 2 -W 2 -M do -s 1472 10.244.2.1 2>&1 || true')).toMatch(/frag needed.*mtu = 1472/i);
  expect(await pod.sh('ping -n -c 1 -W 2 10.244.2.1')).toContain('ttl=61');
});

labTest('a smaller MTU somewhere on the way is coped with', options(), async (lab) => {
  const [a, b] = await both(lab);
  const content = randomBytes(3_000_000);
  // As if a router had said so: what is larger is cut into fragments from now on.
  await a.netns.sh('ip route add 192.168.10.2/32 dev eth0 mtu lock 1200');
  const received = await transfer({
    content,
    to: '10.244.2.1',
    from: '10.244.1.1',
    sender: a.netns,
    receiver: b.netns,
  });
  expect(received.equals(content)).toBe(true);
});

labTest('a restart leaves addresses and routes in place and carries on', options(), async (lab) => {
  const [a, b] = lab.nodes;
  if (a === undefined || b === undefined) throw new Error('two nodes are needed');
  await b.watch();
  const first = await a.watch();
  for (const node of [a, b]) await node.addPods();
  const before = await a.routes();
  expect(before).toEqual(['10.244.0.0/16 dev flannel0']);
  expect((await first.stop()).code).toBe(0);
  expect((await a.routes()).map((line) => line.replace(' linkdown', ''))).toEqual(before);
  expect((await a.flan(['plan'])).stdout).toMatch(/update +tunnel-device\/flannel0 +state idle → running/);
  const again = await a.watch();
  expect(again.events.filter(({ type }) => type === 'failed')).toEqual([]);
  expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
  expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
  // A kill is a restart too.
  await again.kill();
  await a.watch();
  expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
});

labTest('a device that is deleted or changed comes right', options(), async (lab) => {
  const { nodes } = lab;
  const [a, b] = nodes;
  if (a === undefined || b === undefined) throw new Error('two nodes are needed');
  await b.watch();
  const daemon = await a.watch();
  for (const node of [a, b]) await node.addPods();
  for (const disturbance of [
    'ip link delete flannel0',
    'ip link set flannel0 mtu 1000',
    'ip link set flannel0 down',
    'ip addr flush dev flannel0',
    'ip route flush proto 70',
    'ip link set flannel0 down; ip link set flannel0 name other; ip link set other up',
  ]) {
    const mark = daemon.mark();
    await a.netns.sh(disturbance);
    await daemon.until('applied', () => true, mark);
    let state = '';
    for (let tries = 0; tries < 100 && state !== 'right'; tries++) {
      const right =
        (await a.flan(['plan', '--detailed-exitcode'])).code === 0 &&
        (await a.ping('10.244.2.1', '10.244.1.1')) === 'answer';
      state = right ? 'right' : 'wrong';
    }
    expect([disturbance, state]).toEqual([disturbance, 'right']);
  }
  expect(await a.netns.ip('-o link show')).not.toContain('other');
});

labTest('peers come, move to another port, and go, while packets flow', options(), async (lab) => {
  const [a, b] = await both(lab);
  const ping = spawn('ip', ['netns', 'exec', a.netns.name, 'ping', '-n', '-i', '0.02', '10.244.2.1']);
  let output = '';
  ping.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  try {
    for (const letter of ['c', 'd', 'e', 'f']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    lab.put('node-c.yaml', { ...peerLease('c'), backendData: { Port: 9999 } });
    const seen = await stateOf(
      a,
      ({ peers }) =>
        peers.length === 5 && peers.some(({ subnet, port }) => subnet === '10.244.3.0/24' && port === 9999),
    );
    expect(seen.peers.map(({ subnet, port }) => `${subnet} ${port}`).sort()).toEqual([
      '10.244.2.0/24 8285',
      '10.244.3.0/24 9999',
      '10.244.4.0/24 8285',
      '10.244.5.0/24 8285',
      '10.244.6.0/24 8285',
    ]);
    for (const letter of ['c', 'd', 'e', 'f']) lab.remove(`node-${letter}.yaml`);
    expect((await stateOf(a, ({ peers }) => peers.length === 1)).peers).toHaveLength(1);
  } finally {
    const ended = new Promise((resolve) => ping.on('close', resolve));
    ping.kill('SIGINT');
    await ended;
  }
  expect(output).toMatch(/ 0% packet loss/);
  expect(await b.ping('10.244.1.1', '10.244.2.1')).toBe('answer');
});

labTest(
  'a node behind a port mapping keeps the port that its lease says',
  { ...options(), needs: ['tun', 'iptables'] },
  async (lab) => {
    lab.put('node-b.yaml', { ...peerLease('b'), backendData: { Port: 30_001 } });
    const b = required(lab.nodes[1], 'second node');
    // What a router before it would do.
    await b.netns.sh('iptables -t nat -A PREROUTING -p udp --dport 30001 -j REDIRECT --to-ports 8285');
    await b.netns.sh('iptables -A INPUT -p udp -m conntrack --ctorigdstport 8285 --ctdir ORIGINAL -j DROP');
    const [a] = await both(lab);
    expect(readFileSync(join(lab.leases, 'node-b.yaml'), 'utf8')).toMatch(/Port"?: ?30001/);
    expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
    const { peers } = await stateOf(a, () => true);
    expect(peers.map(({ endpoint, port }) => `${endpoint} ${port}`)).toEqual(['192.168.10.2 30001']);
    expect((await b.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
  },
);

labTest('SIGHUP takes over another port of the network, and packets flow again at once', options(), async (lab) => {
  const [a, b] = lab.nodes;
  if (a === undefined || b === undefined) throw new Error('two nodes are needed');
  const daemons = [await a.watch(), await b.watch()];
  for (const node of [a, b]) await node.addPods();
  lab.put('network.yaml', { ...network(), Backend: { Type: 'udp', Port: 9285 } });
  for (const daemon of daemons) {
    const mark = daemon.mark();
    daemon.signal('SIGHUP');
    expect(await daemon.until('reload', () => true, mark)).toMatchObject({
      result: 'taken',
      changed: ['network config'],
    });
    await daemon.until('ready', () => true, mark);
  }
  expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
  expect(await a.netns.sh('ss -Hlnu')).toMatch(/192\.168\.10\.1:9285/);
  expect(await a.netns.sh('ss -Hlnu')).not.toContain(':8285');
  expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
  for (const daemon of daemons) expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
});

labTest('only watch serves it: plan says so, apply refuses before it changes anything', options(), async (lab) => {
  const node = lab.node();
  const plan = await node.flan(['plan']);
  expect(plan.stdout).toContain('W_NEEDS_WATCH');
  expect(plan.stdout).toMatch(/create +tunnel-device\/flannel0 +udp 192\.168\.10\.1 port 8285/);
  const apply = await node.flan(['apply', '--yes']);
  expect([apply.code, apply.stderr]).toEqual([1, expect.stringContaining('flan watch')]);
  expect(await node.netns.ip('-o link show')).not.toContain('flannel0');
  expect(node.subnetEnv()).toBeUndefined();
});

labTest('destroy takes the device away', options(), async (lab) => {
  const node = lab.node();
  await (await node.watch()).stop();
  expect(await node.netns.ip('-o link show')).toContain('flannel0');
  expect((await node.flan(['destroy', '--yes'])).code).toBe(0);
  expect(await node.netns.ip('-o link show')).not.toContain('flannel0');
});

labTest('another backend takes the device away', options(), async (lab) => {
  const node = lab.node();
  await (await node.watch()).stop();
  lab.put('network.yaml', { ...network(), Backend: { Type: 'host-gw' } });
  expect((await node.flan(['apply', '--yes'])).code).toBe(0);
  expect(await node.netns.ip('-o link show')).not.toContain('flannel0');
});

labTest('a foreign device of the name is left alone', options(), async (lab) => {
  const node = lab.node();
  await node.netns.ip('tuntap add dev flannel0 mode tun');
  const daemon = await node.watch();
  await daemon.until('conflict', ({ conflict }) => conflict.key === 'tunnel-device/flannel0');
  expect(await node.netns.ip('link show flannel0')).not.toContain('alias');
  await daemon.stop();
  const adopting = await node.watch(['--adopt']);
  expect(await node.netns.ip('link show flannel0')).toContain('alias flan 10.244.0.0/16');
  await adopting.stop();
});

labTest('a port that is taken is one clear error, and is waited for', options(), async (lab) => {
  const node = lab.node();
  const holder = spawn('ip', [
    ...['netns', 'exec', node.netns.name, process.execPath, '-e'],
    "require('dgram').createSocket('udp4').bind(8285, '192.168.10.1', () => console.log('bound'))",
  ]);
  lab.onEnd(() => holder.kill());
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const daemon = await node.watch();
  const failed = await daemon.until('failed', ({ key }) => key === 'tunnel-device/flannel0');
  expect(failed.error).toMatchObject({ code: 'E_CONFLICT', message: expect.stringContaining('192.168.10.1:8285') });
  const mark = daemon.mark();
  holder.kill();
  await daemon.until('applied', ({ changes }) => changes.some(({ key }) => key === 'tunnel-device/flannel0'), mark);
});

labTest('a socket that somebody aborts goes on', options(), async (lab) => {
  const [a, b] = await both(lab);
  expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
  await a.netns.sh('ss -K -u -a sport = :8285');
  expect(await b.ping('10.244.1.1', '10.244.2.1')).toBe('answer');
  expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
  expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
});

labTest('an underlay address that changes moves the socket', options(), async (lab) => {
  const [a, b] = await both(lab);
  await a.netns.sh('ip addr del 192.168.10.1/24 dev eth0; ip addr add 192.168.10.101/24 dev eth0');
  await a.netns.sh('ip route replace default via 192.168.10.254');
  let answered = 'no answer';
  for (let tries = 0; tries < 40 && answered !== 'answer'; tries++) {
    answered = await b.ping('10.244.1.1', '10.244.2.1');
  }
  expect(answered).toBe('answer');
  expect((await stateOf(a, ({ addresses }) => addresses[0] === '192.168.10.101')).addresses).toEqual([
    '192.168.10.101',
  ]);
});
