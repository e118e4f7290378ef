import { hostname } from 'node:os';
import { expect } from 'vitest';
import { chooseExternal } from '../../src/host/external.js';
import { gatherFacts } from '../../src/host/facts.js';
import type { Address } from '../../src/model/ip.js';
import { kernelTest } from '../support/kernel.js';

kernelTest(
  'links, addresses, default routes and ways are read as ip(8) tells them',
  { needs: ['veth', 'ipv6', 'bridge'] },
  async ({ netns }) => {
    await netns.sh(`
    ip link add eth0 address 02:00:00:00:00:01 mtu 1400 type veth peer name far0
    ip link add cni0 type bridge
    ip link add ptp0 type veth peer name far1
    ip link set eth0 up; ip link set far0 up; ip link set ptp0 up; ip link set far1 up
    ip address add 192.168.7.5/24 dev eth0
    ip address add 192.168.7.6/24 dev eth0
    ip address add fd00:7::5/64 dev eth0 nodad
    ip address add fd00:7::6/64 dev eth0 nodad preferred_lft 0 valid_lft 3600
    ip address add 10.1.1.1 peer 10.1.1.2/32 dev ptp0
    ip route add default via 192.168.7.1 dev eth0 metric 100
    ip route add default via 10.1.1.2 dev ptp0 metric 50
    ip route add 10.50.0.0/16 via 192.168.7.9 src 192.168.7.6
    ip route add unreachable default metric 4000
    ip route add default via 192.168.7.1 dev eth0 table 100
    ip -6 route add default via fd00:7::1 dev eth0
  `);
    const facts = gatherFacts({
      netns: netns.name,
      lookups: ['10.50.1.1', '192.168.7.77', '192.168.7.5'] as Address[],
    });
    expect(facts.hostname).toBe(hostname());
    const named = new Map(facts.links.map((link) => [link.name, link]));
    const flags = { permanent: true, deprecated: false, temporary: false };
    expect(named.get('lo')).toMatchObject({ up: true, loopback: true });
    expect(named.get('cni0')).toMatchObject({ kind: 'bridge', up: false, loopback: false, addresses: [] });
    const eth0 = named.get('eth0');
    expect(eth0).toMatchObject({ kind: 'veth', up: true, mtu: 1400, mac: '02:00:00:00:00:01' });
    expect(
      eth0?.addresses.filter(({ scope }) => scope === 'global').toSorted((x, y) => (x.address < y.address ? -1 : 1)),
    ).toEqual([
      { address: '192.168.7.5', len: 24, scope: 'global', ...flags },
      { address: '192.168.7.6', len: 24, scope: 'global', ...flags },
      { address: 'fd00:7::5', len: 64, scope: 'global', ...flags },
      { address: 'fd00:7::6', len: 64, scope: 'global', ...flags, permanent: false, deprecated: true },
    ]);
    expect(eth0?.addresses.map(({ scope }) => scope)).toContain('link');
    expect(named.get('ptp0')?.addresses[0]).toEqual({
      address: '10.1.1.1',
      len: 32,
      scope: 'global',
      ...flags,
      peer: '10.1.1.2',
    });
    expect(facts.defaultRoutes).toEqual([
      { family: 4, dev: 'ptp0', via: '10.1.1.2', metric: 50 },
      { family: 4, dev: 'eth0', via: '192.168.7.1', metric: 100 },
      { family: 6, dev: 'eth0', via: 'fd00:7::1', metric: 1024 },
    ]);
    expect(facts.lookups).toEqual({
      '10.50.1.1': { dev: 'eth0', via: '192.168.7.9', source: '192.168.7.6' },
      '192.168.7.77': { dev: 'eth0', source: '192.168.7.5' },
      '192.168.7.5': { dev: 'lo', source: '192.168.7.5' },
    });
    const choice = chooseExternal({ facts, selection: { iface: [], ifaceRegex: [] }, families: [4, 6] });
    expect([choice.external[4]?.dev, choice.external[6]?.dev]).toEqual(['ptp0', 'eth0']);
    expect(choice.external[4]?.onLink).toEqual(['10.1.1.2/32']);
    expect(choice.external[6]?.address).toBe('fd00:7::5');
  },
);

kernelTest('a default route over several next hops counts by the first', { needs: ['veth'] }, async ({ netns }) => {
  await netns.sh(`
    ip link add a0 type veth peer name a1; ip link set a0 up; ip link set a1 up; ip address add 10.1.0.1/24 dev a0
    ip link add b0 type veth peer name b1; ip link set b0 up; ip link set b1 up; ip address add 10.2.0.1/24 dev b0
    ip route add default nexthop via 10.2.0.9 dev b0 nexthop via 10.1.0.9 dev a0
  `);
  expect(gatherFacts({ netns: netns.name }).defaultRoutes).toEqual([
    { family: 4, dev: 'b0', via: '10.2.0.9', metric: 0 },
  ]);
});

kernelTest('no way to an address is no lookup', {}, ({ netns }) => {
  const facts = gatherFacts({ netns: netns.path, lookups: ['203.0.113.1' as Address] });
  expect([facts.lookups, facts.defaultRoutes]).toEqual([{}, []]);
});

kernelTest('a missing namespace is an error', {}, () => {
  expect(() => gatherFacts({ netns: 'flan-no-such-namespace' })).toThrow(expect.objectContaining({ code: 'E_NETNS' }));
});
