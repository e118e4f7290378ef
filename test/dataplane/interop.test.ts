import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { balanceOf } from '../../src/dataplane/counters.js';
import { startTunnel } from '../../src/dataplane/tunnel.js';
import { isInstalled } from '../../src/drivers/run-tool.js';
import type { Address, Prefix } from '../../src/model/ip.js';
import { compileC } from '../bench/stats.js';
import { kernelTest } from '../support/kernel.js';
import { joinByVeth } from '../support/netns.js';
import { transfer } from './transfer.js';

// What moves packets one by one, as flannel's own proxy does, at the other end: neither side knows of the other.

const REFERENCE = new URL('../bench/proxy-reference.c', import.meta.url).pathname;

const isThere = isInstalled('gcc', {});
if (!isThere) process.stderr.write('SKIPPED a proxy of another kind: there is no gcc\n');

describe.runIf(isThere)('a proxy of another kind', () => {
  kernelTest('notices nothing, in either direction', { needs: ['tun', 'veth'], timeoutMs: 60_000 }, async (lab) => {
    const { netns, makeNetns, onEnd } = lab;
    const far = makeNetns('far');
    await joinByVeth(
      { netns, name: 'eth0', addresses: ['192.168.10.1/24'] },
      { netns: far, name: 'eth0', addresses: ['192.168.10.2/24'] },
    );
    const tunnel = await startTunnel({
      ...{ name: 'flannel0', netns: netns.name, queues: 1, prepare: () => undefined, onLost: () => undefined },
      endpoint: { addresses: ['192.168.10.1' as Address], port: 8285 },
    });
    onEnd(() => tunnel.close());
    const subnet = '10.244.2.0/24' as Prefix;
    await tunnel.change({ put: [{ subnet, endpoint: '192.168.10.2' as Address, port: 8285 }], remove: [] });
    const proxy = spawn('ip', [
      ...['netns', 'exec', far.name, compileC(REFERENCE), 'flannel0', '192.168.10.2', '8285'],
      ...['10.244.1.0/24', '192.168.10.1'],
    ]);
    onEnd(() => proxy.kill());
    await new Promise((resolve) => proxy.stdout.once('data', resolve));
    for (const [n, space] of [netns, far].entries()) {
      await space.sh(`ip addr add 10.244.${n + 1}.0/32 dev flannel0; ip link set flannel0 mtu 1472 up`);
      await space.sh('ip route add 10.244.0.0/16 dev flannel0');
    }
    // One hop less on each side.
    expect(await netns.sh('ping -n -c 1 -W 2 10.244.2.0')).toContain('ttl=62');
    expect(await far.sh('ping -n -c 1 -W 2 -M do -s 1444 10.244.1.0')).toContain('ttl=62');
    for (const [sender, receiver, from, to] of [
      [netns, far, '10.244.1.0', '10.244.2.0'],
      [far, netns, '10.244.2.0', '10.244.1.0'],
    ] as const) {
      const content = randomBytes(30_000_001);
      expect((await transfer({ content, sender, receiver, from, to })).equals(content)).toBe(true);
    }
    for (const space of [netns, far]) {
      expect(await space.sh('nstat -asz TcpInCsumErrors | tail -1')).toMatch(/\s0\s/);
      expect(await space.sh('nstat -asz IpInHdrErrors | tail -1')).toMatch(/\s0\s/);
    }
    expect(balanceOf(tunnel.totals())).toEqual({ out: 0, in: 0 });
  });
});
