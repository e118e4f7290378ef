import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { expect } from 'vitest';
import { openSession } from '../../src/commands/session.js';
import type { AssociationStatus } from '../../src/drivers/vici/associations.js';
import { inNetns } from '../../src/sys/netns.js';
import {
  ask,
  charonPid,
  type IpsecLabOptions,
  ipsecNetwork,
  ipsecTest,
  names,
  PSK,
  swanctl,
} from '../ipsec/overlay.js';
import type { Lab, LabNode } from '../support/lab.js';
import { applyNode, becomes, type RunningNode, settingsOf, watchNode } from './node.js';

const suite = (name: string, options: IpsecLabOptions, action: (lab: Lab) => Promise<void>): void =>
  ipsecTest(name, { timeoutMs: 240_000, ...options, needs: ['esp'] }, action);

/** The first host address of the n-th node's subnet, counted from 1. */
const pod = (n: number): string => `10.244.${n}.1`;

async function startAll(lab: Lab): Promise<RunningNode[]> {
  const running: RunningNode[] = [];
  for (const node of lab.nodes) running.push(await watchNode(lab, node));
  for (const node of lab.nodes) {
    await becomes(async () => (await states(node)).join(), 'established,'.repeat(lab.nodes.length - 1).slice(0, -1));
    await node.addPods();
  }
  return running;
}

async function associations(node: LabNode): Promise<readonly AssociationStatus[]> {
  const session = await openSession(await settingsOf(node), new AbortController().signal);
  try {
    return (await session.associations?.()) ?? [];
  } finally {
    await session.close();
  }
}

const states = async (node: LabNode) => (await associations(node)).map(({ state }) => state);

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
  inNetns(netns.name, () => server.listen({ port: 0 }));
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
  lab.onEnd(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const xfrm = ({ netns }: LabNode): Promise<string> => netns.sh('ip xfrm state; ip xfrm policy');

suite('three nodes reach each other through SAs that swanctl and ip(8) show', { nodes: 3 }, async (lab) => {
  await startAll(lab);
  await pingAll(lab);
  const content = randomBytes(1 << 20);
  const port = await serve(lab, lab.node(2), content);
  // The policies are between subnets: what the node itself sends has to come from its own, as what pods send does.
  const [route, read] = [
    `ip route add 10.244.3.0/24 via 192.168.10.254 src ${pod(1)}`,
    `cat </dev/tcp/${pod(3)}/${port}`,
  ];
  const received = await lab.node(0).netns.sh(`${route}; bash -c '${read}' | sha256sum`);
  expect(received.split(' ')[0]).toBe(createHash('sha256').update(content).digest('hex'));
  for (const [i, node] of lab.nodes.entries()) {
    const shown = await xfrm(node);
    for (let n = 1; n <= 3; n++) {
      if (n === i + 1) continue;
      expect(shown).toContain(`src 192.168.10.${i + 1} dst 192.168.10.${n}\n\tproto esp`);
      expect(shown).toContain(`src 10.244.${i + 1}.0/24 dst 10.244.${n}.0/24 \n\tdir out`);
      expect(shown).toContain(`src 10.244.${n}.0/24 dst 10.244.${i + 1}.0/24 \n\tdir fwd`);
    }
    expect(shown).toContain('rfc4106(gcm(aes))');
    expect(shown).not.toContain('espinudp');
    const sas = await swanctl(node, '--list-sas');
    // The two ends agree on who starts: one IKE_SA for each peer.
    expect(sas.match(/ESTABLISHED, IKEv2/g)).toHaveLength(2);
    expect(sas.match(/INSTALLED, TUNNEL, ESP:AES_GCM_16-128/g)).toHaveLength(2);
    expect(sas).toContain('AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_4096');
    expect(node.subnetEnv()).toContain('FLANNEL_MTU=1423');
    for (const one of await associations(node)) {
      expect(one.state).toBe('established');
      expect(Math.min(one.receivedBytes, one.sentBytes)).toBeGreaterThan(0);
      expect(one.establishedMs).toBeGreaterThan(Date.now() - 600_000);
    }
    expect(await applyNode(node)).toMatchObject({ outcomes: [], left: [] });
  }
  const [, toC] = await associations(lab.node(0));
  expect(toC).toMatchObject({ subnet: '10.244.3.0/24', endpoint: '192.168.10.3:4500' });
  expect(toC?.receivedBytes).toBeGreaterThan(content.length);
  // 1423 = 20 IPv4 + 8 ICMP + 1395, which the tunnel takes without fragments.
  await lab.node(0).netns.sh(`ping -n -q -c 1 -W 5 -M do -s 1395 -I ${pod(1)} ${pod(2)}`);
});

suite('UDPEncap puts ESP into UDP', { nodes: 2, backend: { UDPEncap: true } }, async (lab) => {
  await startAll(lab);
  await pingAll(lab);
  for (const node of lab.nodes) {
    const shown = await xfrm(node);
    expect(shown.match(/encap type espinudp sport 4500 dport 4500/g)).toHaveLength(2);
    expect(node.subnetEnv()).toContain('FLANNEL_MTU=1415');
  }
});

suite('packets flow while flan restarts and keys change', { nodes: 2 }, async (lab) => {
  const [first] = await startAll(lab);
  const node = lab.node(0);
  const ping = node.netns.sh(`ping -n -q -i 0.1 -c 150 -W 2 -I ${pod(1)} ${pod(2)}`);
  await first?.stop();
  expect(await states(node)).toEqual(['established']);
  const again = await watchNode(lab, node);
  expect(again.events.filter(({ type }) => type === 'applied')).toEqual([]);
  const spis = async (): Promise<string> => ((await xfrm(node)).match(/spi 0x\w+/g) ?? []).join();
  const before = await spis();
  await swanctl(node, `--rekey --child '10.244.1.0/24-10.244.2.0/24;aes128gcm16-sha256-prfsha256-ecp256'`);
  await becomes(async () => (await spis()) !== before, true);
  const [name = ''] = await names(node);
  await swanctl(node, `--rekey --ike ${name}`);
  await becomes(async () => (await swanctl(node, '--list-sas')).includes(`${name}: #1,`), false);
  expect(await ping).toContain(' 0% packet loss');
});

suite('a charon that is killed comes back with everything in it', { nodes: 2 }, async (lab) => {
  const [running] = await startAll(lab);
  const node = lab.node(0);
  const before = charonPid(node);
  process.kill(before, 'SIGKILL');
  await running?.until('drift', ({ drift }) => drift.key === 'ike-daemon/charon');
  await becomes(async () => (await states(node)).join(), 'established');
  expect(charonPid(node)).not.toBe(before);
  await pingAll(lab);
  // Of the other end, which has the higher address and starts nothing by itself.
  process.kill(charonPid(lab.node(1)), 'SIGKILL');
  await becomes(async () => (await states(lab.node(1))).join(), 'established');
  await pingAll(lab);
});

suite('a connection that is unloaded by hand is loaded again', { nodes: 2 }, async (lab) => {
  await startAll(lab);
  for (const node of lab.nodes) {
    const before = await names(node);
    const [name = ''] = before;
    await ask(node, async (client) => {
      await client.request('unload-conn', { name });
      await client.request('terminate', { ike: name, force: 'yes', timeout: '-1' });
    });
    await becomes(async () => (await names(node)).join(), before.join());
    await becomes(async () => (await states(node)).join(), 'established');
  }
  await pingAll(lab);
});

suite('a node that gets another address is reached again', { nodes: 2 }, async (lab) => {
  const [a, b] = [lab.node(0), lab.node(1)];
  await startAll(lab);
  await pingAll(lab);
  await b.netns.sh(
    'ip addr del 192.168.10.2/24 dev eth0; ip addr add 192.168.10.22/24 dev eth0; ip route replace default via 192.168.10.254',
  );
  await becomes(async () => (await names(a)).join(), 'flan:192.168.10.1-10.244.1.0/24-10.244.2.0/24-192.168.10.22');
  await becomes(async () => (await states(a)).join(), 'established');
  await becomes(async () => b.ping(pod(1), pod(2)), 'answer');
  await pingAll(lab);
  expect((await a.netns.sh('ip xfrm policy')).includes('192.168.10.2\n')).toBe(false);
});

suite('another key takes the place of the first, and SAs that stand go on', { nodes: 2 }, async (lab) => {
  const first = await startAll(lab);
  for (const one of first) await one.stop();
  const other = PSK.replaceAll('0', 'f');
  lab.put('network.yaml', ipsecNetwork({ PSK: other }));
  for (const node of lab.nodes) {
    const running = await watchNode(lab, node);
    const changes = running.events.flatMap((event) => (event.type === 'applied' ? event.changes : []));
    expect(changes.map(({ action, key }) => `${action} ${key}`).sort()).toEqual(
      [1, 2].map((n) => `update ipsec-secret/10.244.0.0/16/192.168.10.${n}`),
    );
    expect(await states(node)).toEqual(['established']);
  }
  await pingAll(lab);
  // What is agreed on from now on is by the new one.
  process.kill(charonPid(lab.node(0)), 'SIGKILL');
  await becomes(async () => (await states(lab.node(0))).join(), 'established');
  await pingAll(lab);
});

suite('policies that flanneld left behind are taken over', { nodes: 2 }, async (lab) => {
  for (const [i, node] of lab.nodes.entries()) {
    const [own, other] = [i + 1, 2 - i];
    const ends = `src 192.168.10.${own} dst 192.168.10.${other}`;
    await node.netns.sh(
      `ip xfrm policy add src 10.244.${own}.0/24 dst 10.244.${other}.0/24 dir out tmpl ${ends} proto esp reqid 11 mode tunnel`,
    );
  }
  await startAll(lab);
  await pingAll(lab);
  for (const node of lab.nodes) expect(await node.netns.sh('ip xfrm policy')).not.toContain('reqid 11 ');
});

suite('peers come and go, and nothing of them stays', { nodes: 3 }, async (lab) => {
  const running = await startAll(lab);
  const a = lab.node(0);
  await running[2]?.stop();
  lab.remove('node-c.yaml');
  await becomes(async () => (await names(a)).length, 1);
  await becomes(async () => (await xfrm(a)).includes('192.168.10.3'), false);
  expect(await a.ping(pod(2), pod(1))).toBe('answer');
});

suite('a node of flannel and one of flan carry each other’s packets', { nodes: 2 }, async (lab) => {
  const [a, b] = [lab.node(0), lab.node(1)];
  // A charon for it, without a connection in it.
  lab.remove('node-a.yaml');
  lab.remove('node-b.yaml');
  lab.put('node-b.yaml', { node: 'node-b', subnet: '10.244.2.0/24', publicIP: '192.168.10.2' });
  await applyNode(b);
  await asFlanneld(b);
  lab.put('node-a.yaml', { node: 'node-a', subnet: '10.244.1.0/24', publicIP: '192.168.10.1', backendType: 'ipsec' });
  await watchNode(lab, a);
  await a.addPods();
  await b.addPods();
  await becomes(async () => (await states(a)).join(), 'established');
  await becomes(async () => a.ping(pod(2), pod(1)), 'answer');
  expect(await b.ping(pod(1), pod(2))).toBe('answer');
  const [association] = await associations(a);
  expect(association?.receivedBytes).toBeGreaterThan(0);
});

/** What flanneld does on node-b when it hears of node-a: its messages to the letter, and its policies. */
async function asFlanneld(node: LabNode): Promise<void> {
  const [ours, theirs] = ['192.168.10.2', '192.168.10.1'];
  const [subnet, other] = ['10.244.2.0/24', '10.244.1.0/24'];
  const policy = (dir: string, from: string, to: string, src: string, dst: string): string =>
    `ip xfrm policy add src ${from} dst ${to} dir ${dir} tmpl src ${src} dst ${dst} proto esp reqid 11 mode tunnel`;
  await node.netns.sh(
    [
      policy('out', subnet, other, ours, theirs),
      policy('in', other, subnet, theirs, ours),
      policy('fwd', other, subnet, theirs, ours),
    ].join('; '),
  );
  await ask(node, async (client) => {
    for (const owner of [ours, theirs]) {
      await client.request('load-shared', { type: 'IKE', data: PSK, owners: [owner] });
    }
    await client.request('load-conn', {
      [`${ours}-${subnet}-${other}-${theirs}`]: {
        local_addrs: [ours],
        remote_addrs: [theirs],
        proposals: ['aes256-sha256-modp4096'],
        version: '2',
        encap: 'false',
        keyingtries: '0',
        rekey_time: '',
        local: { id: '', auth: 'psk' },
        remote: { id: '', auth: 'psk' },
        children: {
          [`${subnet}-${other}`]: {
            local_ts: [subnet],
            remote_ts: [other],
            start_action: 'start',
            close_action: 'trap',
            dpd_action: 'restart',
            esp_proposals: ['aes128gcm16-sha256-prfsha256-ecp256'],
            mode: 'tunnel',
            reqid: '11',
            rekey_time: '1h',
            policies: 'no',
          },
        },
      },
    });
  });
}
