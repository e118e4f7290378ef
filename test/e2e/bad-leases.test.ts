import { describe, expect } from 'vitest';
import { type Lab, labTest, peerLease } from '../support/lab.js';

/** Files that must hurt nobody but themselves, each with what is to be said about it. */
const BAD: Readonly<Record<string, readonly [content: unknown, says: RegExp]>> = {
  'a-not-yaml.yaml': ['node: [b\nsubnet: }', /a-not-yaml\.yaml:\d+:\d+/],
  'b-not-json.json': ['{"node": "x", ', /b-not-json\.json/],
  'c-binary.yaml': ['\0\u0001\u0002', /c-binary\.yaml/],
  'd-number.yaml': [{ node: 'x', subnet: 7, publicIP: '192.168.10.20' }, /subnet must be text, not 7/],
  'e-list.yaml': [{ node: ['x'], subnet: '10.244.20.0/24', publicIP: '192.168.10.20' }, /node must be text/],
  'f-typo.yaml': [{ nodee: 'x', subnet: '10.244.20.0/24' }, /no member 'nodee'.*node/],
  'g-host-bits.yaml': [{ subnet: '10.244.20.1/24', publicIP: '192.168.10.20' }, /has host bits set/],
  'h-outside.yaml': [{ node: 'x', subnet: '10.99.20.0/24', publicIP: '192.168.10.20' }, /outside|not in/],
  'i-covers-host.yaml': [
    { node: 'x', subnet: '10.244.200.0/24', publicIP: '192.168.10.21' },
    /covers 10\.244\.200\.7, an address of this host/,
  ],
  'j-overlaps-own.yaml': [
    { node: 'x', subnet: '10.244.1.128/25', publicIP: '192.168.10.22' },
    /overlaps this node's own 10\.244\.1\.0\/24/,
  ],
  'k-overlaps-peer.yaml': [
    { node: 'x', subnet: '10.244.2.0/23', publicIP: '192.168.10.23' },
    /overlaps the lease of node-/,
  ],
  'l-our-address.yaml': [
    { node: 'x', subnet: '10.244.24.0/24', publicIP: '192.168.10.1' },
    /192\.168\.10\.1 belongs to this host/,
  ],
  'm-no-address.yaml': [{ node: 'x', subnet: '10.244.25.0/24', backendType: 'host-gw' }, /no public address/],
  'n-multicast.yaml': [{ node: 'x', subnet: '10.244.26.0/24', publicIP: '224.0.0.5' }, /multicast/],
};
const GOOD = ['10.244.2.0/24 via 192.168.10.2 dev eth0', '10.244.3.0/24 via 192.168.10.3 dev eth0'];

async function fill(lab: Lab): Promise<void> {
  for (const letter of ['b', 'c']) lab.put(`node-${letter}.yaml`, peerLease(letter));
  await lab.node().netns.sh('ip link add other0 type bridge; ip address add 10.244.200.7/32 dev other0');
}

const saysAll = (messages: readonly string[]): void => {
  for (const [file, [, says]] of Object.entries(BAD)) {
    expect(
      messages.filter((message) => says.test(message)),
      `${file} in ${messages.join('\n')}`,
    ).toHaveLength(1);
  }
  expect(messages).toHaveLength(Object.keys(BAD).length);
};

describe('bad leases', () => {
  labTest('are left out one by one and named, and the others are used', {}, async (lab) => {
    const a = lab.node();
    await fill(lab);
    for (const [file, [content]] of Object.entries(BAD)) lab.put(file, content);
    const before = await a.foreignRoutes();
    const planned = await a.flan(['plan', '--json']);
    expect(planned).toMatchObject({ code: 0, stderr: '' });
    const { quarantined, peers } = JSON.parse(planned.stdout);
    expect(peers).toBe(2);
    saysAll(quarantined.map(({ message }: { message: string }) => message));
    expect(new Set(quarantined.map(({ code }: { code: string }) => code))).toEqual(new Set(['E_LEASE']));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    expect(await a.routes()).toEqual(GOOD);
    expect(await a.foreignRoutes()).toBe(before);
  });

  labTest(
    'arrive while watch runs: each is told once, nothing else moves, and each is used once it is put right',
    {},
    async (lab) => {
      const a = lab.node();
      await fill(lab);
      const daemon = await a.watch();
      for (const [file, [content]] of Object.entries(BAD)) lab.put(file, content);
      const told = (): string[] =>
        daemon.events.flatMap((event) => (event.type === 'quarantined' ? [event.error.message] : []));
      for (const [, says] of Object.values(BAD))
        await daemon.until('quarantined', ({ error }) => says.test(error.message));
      saysAll(told());
      expect(await a.routes()).toEqual(GOOD);
      const mark = daemon.mark();
      lab.put('a-not-yaml.yaml', { node: 'x', subnet: '10.244.50.0/24', publicIP: '192.168.10.50' });
      lab.put('h-outside.yaml', { node: 'y', subnet: '10.244.51.0/24', publicIP: '192.168.10.51' });
      // The host gives the address up, so the lease that covered it is fine.
      await a.netns.ip('address del 10.244.200.7/32 dev other0');
      for (const subnet of ['50', '51', '200']) {
        await daemon.until(
          'applied',
          ({ changes }) => changes.some(({ key }) => key.includes(`.${subnet}.0/24`)),
          mark,
        );
      }
      expect(await a.routes()).toHaveLength(GOOD.length + 3);
      // A good one turns bad: what it said last stays in force.
      lab.put('node-c.yaml', 'node: c\nsubnet: nonsense\n');
      await daemon.until('quarantined', ({ error }) => error.message.includes('nonsense'), mark);
      lab.put('node-d.yaml', peerLease('d'));
      await daemon.until('applied', ({ changes }) => changes.some(({ key }) => key.includes('10.244.4.0/24')), mark);
      expect(await a.routes()).toEqual(expect.arrayContaining(GOOD));
      expect(await a.routes()).toHaveLength(GOOD.length + 4);
    },
  );
});
