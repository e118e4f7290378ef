import { describe, expect } from 'vitest';
import type { ExplainDocument } from '../../src/report/explain-document.js';
import { putLeases, vxlanNetwork } from '../e2e-vxlan/overlay.js';
import { type LabNode, labTest, peerLease, required } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

async function explained(node: LabNode, what: string): Promise<ExplainDocument> {
  const { code, stdout, stderr } = await node.flan(['explain', what, '-o', 'json']);
  expect([code, stderr]).toEqual([0, '']);
  const document = JSON.parse(stdout) as ExplainDocument;
  expect(faultsOf('explain', document)).toEqual([]);
  return document;
}

const steady = (text: string): string =>
  text
    .replace(/\d+(\.\d+)? (ms|s|min)\b/g, 'TIME')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'DATE')
    .replace(/read from .*/g, 'read from FILE');

const KEY = 'route/main/10.244.2.0/24';

describe('explain', () => {
  labTest('an address of a peer: lease, route, the way of the kernel, why and since when', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const before = await explained(a, '10.244.2.7');
    expect(before).toMatchObject({ state: 'not in order', lease: { role: 'peer', name: 'node-b' } });
    expect(before.problems).toEqual([
      `${KEY} is missing`,
      'the kernel sends packets to 10.244.2.7 via 192.168.10.254 dev eth0, by 0.0.0.0/0 (proto 3)',
    ]);
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    const { stdout } = await a.flan(['explain', '10.244.2.7', '--detailed-exitcode']);
    expect(steady(stdout)).toMatchInlineSnapshot(`
      "10.244.2.7  ✓ in order
        is         an address in the subnet of node-b
        lease      peer, 10.244.2.0/24 through 192.168.10.2, until released
        read from FILE
        kernel     to 10.244.2.7: via 192.168.10.2 dev eth0 src 192.168.10.1, by 10.244.2.0/24 (table 254, proto 70)
        should     follow route/main/10.244.2.0/24

      objects
        ✓ route/main/10.244.2.0/24  in place  via 192.168.10.2 dev eth0
            because: lease of node-b
            last written TIME ago by apply (DATE)
      "
    `);
    // The same of its prefix, its lease, its node and its object.
    for (const what of ['10.244.2.0/24', '10.244.2.0-24', 'node-b', KEY]) {
      expect(await explained(a, what)).toMatchObject({ state: 'in order', objects: [{ key: KEY, state: 'in place' }] });
    }
    const node = await explained(a, '192.168.10.2');
    expect(node).toMatchObject({ state: 'in order', is: 'the address that node-b is reached by' });
    expect(node.kernel?.answer).toMatchObject({
      dev: 'eth0',
      source: '192.168.10.1',
      entry: { dst: '192.168.10.0/24' },
    });
  });

  const alloc = { Network: '10.244.0.0/16', Backend: { Type: 'alloc' } };
  labTest('a peer that the backend makes nothing for is in order', { network: alloc }, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    for (const what of ['node-b', '10.244.2.7', '192.168.10.2']) {
      const { state, problems, objects, is } = await explained(a, what);
      expect({ state, problems, objects }).toEqual({ state: 'in order', problems: [], objects: [] });
      expect(is).toContain('; alloc makes nothing here for a peer');
    }
  });

  labTest('why nothing leads to a peer', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', { ...peerLease('b'), backendType: 'vxlan' });
    lab.put('node-c.yaml', { node: 'node-c', ipv6Subnet: 'fd00:10:244:3::/64', publicIPv6: 'fd00:192:168:10::3' });
    const { state, problems, is } = await explained(a, 'node-b');
    expect({ state, is }).toEqual({ state: 'not in order', is: 'the lease of node-b' });
    expect(problems).toEqual(['node-b runs vxlan, this node host-gw: they cannot reach each other']);
    expect((await explained(a, 'node-c')).state).toBe('not in order');
  });

  labTest('every object that leads to a peer of vxlan', { nodes: 2, network: vxlanNetwork('4') }, async (lab) => {
    const [a, b] = [lab.node(), required(lab.nodes[1], 'second node')];
    putLeases(lab, '4');
    await b.watch();
    const daemon = await a.watch();
    const mac = (await b.netns.sh('cat /sys/class/net/flannel.1/address')).trim();
    const well = await explained(a, '10.244.2.7');
    expect(well).toMatchObject({
      state: 'in order',
      kernel: { wanted: KEY, answer: { dev: 'flannel.1', via: '10.244.2.0', source: '10.244.1.0' } },
    });
    expect(well.objects.map(({ key, state }) => [key, state]).sort()).toEqual([
      [`fdb/flannel.1/${mac}`, 'in place'],
      ['neighbour/flannel.1/10.244.2.0', 'in place'],
      [KEY, 'in place'],
    ]);
    await daemon.stop();
    await a.netns.sh('ip neighbour del 10.244.2.0 dev flannel.1');
    expect((await explained(a, 'node-b')).problems).toEqual(['neighbour/flannel.1/10.244.2.0 is missing']);
    // A way to the node that leads into the tunnel would carry the tunnel's packets into itself.
    await a.netns.ip('route add 192.168.10.2 dev flannel.1');
    expect((await explained(a, '192.168.10.2')).problems).toContain(
      'the way to the node leads through the overlay itself (flannel.1)',
    );
    const own = await explained(a, '10.244.1.5');
    expect(own.lease).toMatchObject({ role: 'own', backendType: 'vxlan' });
    expect(own.objects.map(({ key }) => key)).toContain('link/flannel.1');
  });

  labTest('what somebody else put in the way, and who changed what', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await a.watch();
    await a.netns.ip('route replace 10.244.2.0/24 via 192.168.10.99');
    await daemon.until('healed');
    await daemon.stop();
    await a.netns.ip('route add 10.244.2.128/25 via 192.168.10.66 proto static');
    const split = await explained(a, '10.244.2.200');
    expect(split).toMatchObject({
      state: 'not in order',
      objects: [{ key: KEY, state: 'in place', since: { by: 'a repair of watch' }, drift: { times: 1 } }],
      kernel: { wanted: KEY, answer: { via: '192.168.10.66', entry: { dst: '10.244.2.128/25', proto: 4 } } },
    });
    expect(split.problems).toEqual([
      'the kernel sends packets to 10.244.2.200 via 192.168.10.66 dev eth0, by 10.244.2.128/25 (proto 4)',
    ]);
    expect((await explained(a, '10.244.2.7')).state).toBe('in order');
    await a.netns.ip('route replace 10.244.2.0/24 via 192.168.10.99 proto 70');
    const moved = await explained(a, KEY);
    expect(moved.problems).toEqual([`${KEY} is via 192.168.10.99 dev eth0, and should be via 192.168.10.2 dev eth0`]);
    await a.netns.ip('route replace 10.244.2.0/24 via 192.168.10.99 proto static');
    expect((await explained(a, KEY)).objects).toMatchObject([{ state: 'foreign' }]);
    expect((await a.flan(['explain', KEY, '--detailed-exitcode'])).code).toBe(2);
  });

  labTest('leases that are left out, reserved, gone, or nobody has', { families: '46' }, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b', '46'));
    await (await a.watch()).stop();
    expect(await explained(a, 'fd00:10:244:2::7')).toMatchObject({ state: 'in order', lease: { name: 'node-b' } });
    expect(await explained(a, '10.244.1.9')).toMatchObject({ state: 'in order', lease: { role: 'own' } });
    expect(await explained(a, '8.8.8.8')).toMatchObject({ state: "not flan's", problems: [], objects: [] });
    const nobody = await explained(a, '10.244.77.1');
    expect(nobody).toMatchObject({ state: 'not in order', problems: ['no node holds the subnet, so nobody answers'] });
    lab.put('node-y.yaml', { ...peerLease('y', '46'), subnet: '10.99.0.0/24' });
    const leftOut = await explained(a, '10.99.0.7');
    expect(leftOut).toMatchObject({ state: 'not in order', lease: { role: 'left out' } });
    expect(leftOut.problems[0]).toContain('outside the network');
    lab.remove('node-b.yaml');
    expect((await explained(a, '10.244.2.7')).objects).toMatchObject([{ key: KEY, state: 'stale' }]);
    const wrong = await a.flan(['explain', 'route/main/10.244.2.0/25']);
    expect([wrong.code, wrong.stdout]).toEqual([64, '']);
    expect(wrong.stderr).toContain('E_USAGE');
    expect((await a.flan(['explain'])).code).toBe(64);
  });
});
