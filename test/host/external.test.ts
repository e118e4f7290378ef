import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { chooseExternal, type Selection } from '../../src/host/external.js';
import type { DefaultRoute, HostAddress, HostFacts, HostLink, RouteLookup } from '../../src/model/facts.js';
import { type Address, type Family, isLinkLocal, tryCidr } from '../../src/model/ip.js';

const a = (cidr: string, more: Partial<HostAddress> = {}): HostAddress => {
  const parsed = tryCidr(cidr);
  if (parsed === undefined) throw new Error(cidr);
  const scope = isLinkLocal(parsed.address) ? 'link' : 'global';
  return { ...parsed, scope, permanent: true, deprecated: false, temporary: false, ...more };
};
const link = (name: string, addresses: readonly HostAddress[], more: Partial<HostLink> = {}): HostLink => ({
  index: [...name].reduce((sum, c) => sum + c.charCodeAt(0), 0),
  name,
  up: true,
  loopback: name === 'lo',
  mtu: 1500,
  addresses,
  ...more,
});
const lo = link('lo', [a('127.0.0.1/8'), a('::1/128')], { mtu: 65_536 });
const eth0 = link('eth0', [a('192.168.1.5/24'), a('fe80::5/64'), a('2001:db8:1::5/64')]);
const eth1 = link('eth1', [a('10.9.0.5/16'), a('fe80::6/64'), a('2001:db8:2::5/64')]);
const four = link('four', [a('172.16.0.4/24'), a('fe80::7/64')]);
const via = (dev: string, metric: number, family: Family = 4): DefaultRoute => ({ family, dev, metric });

const host = (more: Partial<HostFacts> = {}): HostFacts => ({
  hostname: 'n',
  links: [lo, eth0, eth1, four],
  defaultRoutes: [via('eth0', 100), via('eth0', 1024, 6)],
  lookups: {},
  ...more,
});
const reach = (target: string, dev: string, source: string): Readonly<Record<Address, RouteLookup>> => ({
  [target]: { dev, source: source as Address },
});

type Asked = { [K in keyof Selection]?: unknown };
const choose = (asked: Asked = {}, facts: HostFacts = host(), families: readonly Family[] = [4]) =>
  chooseExternal({ facts, families, selection: { iface: [], ifaceRegex: [], ...asked } as Selection });
const brief = (choice: ReturnType<typeof choose>) =>
  Object.values(choice.external).map(({ dev, address, publicIp }) =>
    address === publicIp ? `${dev} ${address}` : `${dev} ${address} as ${publicIp}`,
  );
const codes = (choice: ReturnType<typeof choose>) => choice.warnings.map(({ code }) => code as string);

describe('one family', () => {
  it.each<[string, Asked, Partial<HostFacts>, string]>([
    ['the default route', {}, {}, 'eth0 192.168.1.5'],
    ['the default route of lowest metric', {}, { defaultRoutes: [via('eth0', 100), via('eth1', 50)] }, 'eth1 10.9.0.5'],
    ['the first of equal metric', {}, { defaultRoutes: [via('eth1', 50), via('eth0', 50)] }, 'eth1 10.9.0.5'],
    [
      'the next default route when the best has no address',
      {},
      {
        links: [link('bare', []), eth1],
        defaultRoutes: [via('bare', 1), via('eth1', 50)],
      },
      'eth1 10.9.0.5',
    ],
    ['a name', { iface: ['eth1'] }, {}, 'eth1 10.9.0.5'],
    ['the first name that is there', { iface: ['eth7', 'four', 'eth1'] }, {}, 'four 172.16.0.4'],
    ['an address', { iface: ['10.9.0.5'] }, {}, 'eth1 10.9.0.5'],
    [
      'an address that is not the first of its interface',
      { iface: ['10.8.0.1'] },
      {
        links: [link('eth1', [a('10.9.0.5/16'), a('10.8.0.1/24')])],
      },
      'eth1 10.8.0.1',
    ],
    ['the interface of an IPv6 address', { iface: ['2001:db8:2::5'] }, {}, 'eth1 10.9.0.5'],
    ['a pattern on addresses', { ifaceRegex: [/^10\.9\./] }, {}, 'eth1 10.9.0.5'],
    [
      'a pattern on the matching address, not the first',
      { ifaceRegex: [/^10\.8\./] },
      {
        links: [link('eth1', [a('10.9.0.5/16'), a('10.8.0.1/24')])],
      },
      'eth1 10.8.0.1',
    ],
    ['a pattern on names', { ifaceRegex: [/^eth1$/] }, {}, 'eth1 10.9.0.5'],
    ['a pattern nowhere anchored', { ifaceRegex: [/th1/] }, {}, 'eth1 10.9.0.5'],
    ['addresses before names', { ifaceRegex: [/eth0|^172/] }, {}, 'four 172.16.0.4'],
    ['names before patterns', { iface: ['four'], ifaceRegex: [/eth1/] }, {}, 'four 172.16.0.4'],
    ['a pattern when no name is there', { iface: ['eth7'], ifaceRegex: [/eth1/] }, {}, 'eth1 10.9.0.5'],
    [
      'the way to an address',
      { ifaceCanReach: '10.9.3.3' },
      { lookups: reach('10.9.3.3', 'eth1', '10.9.0.5') },
      'eth1 10.9.0.5',
    ],
    [
      'patterns before the way to an address',
      { ifaceRegex: [/four/], ifaceCanReach: '10.9.3.3' },
      {
        lookups: reach('10.9.3.3', 'eth1', '10.9.0.5'),
      },
      'four 172.16.0.4',
    ],
    [
      'the source that the kernel would use',
      { ifaceCanReach: '8.8.8.8' },
      {
        links: [link('eth1', [a('10.9.0.5/16'), a('10.8.0.1/24')])],
        lookups: reach('8.8.8.8', 'eth1', '10.8.0.1'),
      },
      'eth1 10.8.0.1',
    ],
    ['a public address that is local', { publicIp: '10.9.0.5' }, {}, 'eth1 10.9.0.5'],
    [
      'a pattern with a public address (NAT)',
      { ifaceRegex: [/^10\.9\./], publicIp: '203.0.113.7' },
      {},
      'eth1 10.9.0.5 as 203.0.113.7',
    ],
    [
      'a name with a public address (NAT)',
      { iface: ['eth1'], publicIp: '203.0.113.7' },
      {},
      'eth1 10.9.0.5 as 203.0.113.7',
    ],
    [
      'a public address of the interface as source',
      { iface: ['eth1'], publicIp: '10.8.0.1' },
      {
        links: [link('eth1', [a('10.9.0.5/16'), a('10.8.0.1/24')])],
      },
      'eth1 10.8.0.1',
    ],
  ])('%s', (_, asked, facts, expected) => {
    const choice = choose(asked, host(facts));
    expect(brief(choice)).toEqual([expected]);
    expect(choice.warnings).toEqual([]);
  });

  it('takes a public address that nobody has for a NAT, and says so', () => {
    const choice = choose({ publicIp: '203.0.113.7' });
    expect(brief(choice)).toEqual(['eth0 192.168.1.5 as 203.0.113.7']);
    expect(codes(choice)).toEqual(['W_PUBLIC_IP_NOT_LOCAL']);
    expect(choice.explanation.map(({ rule, verdict }) => [rule, verdict])).toEqual([
      ['--public-ip 203.0.113.7', 'no match'],
      ['default route', 'picked'],
    ]);
  });

  it.each<[string, Asked, Partial<HostFacts>, string]>([
    [
      'a public address of another interface',
      { iface: ['eth1'], publicIp: '192.168.1.5' },
      {},
      'W_PUBLIC_IP_ELSEWHERE',
    ],
    ['an interface that is down', { iface: ['eth1'] }, { links: [{ ...eth1, up: false }] }, 'W_IFACE_DOWN'],
    [
      'a link-local address only',
      { iface: ['ll'] },
      { links: [link('ll', [a('169.254.7.7/16')])] },
      'W_PUBLIC_IP_LINK_LOCAL',
    ],
  ])('warns of %s', (_, asked, facts, code) => {
    expect(codes(choose(asked, host(facts)))).toEqual([code]);
  });
});

describe('which address of an interface', () => {
  const only = (...addresses: HostAddress[]) =>
    brief(choose({ iface: ['x'] }, host({ links: [link('x', addresses)] }), [6]))[0];
  it.each<[string, HostAddress[], string]>([
    ['the first of equals', [a('fd00::2/64'), a('fd00::1/64')], 'fd00::2'],
    ['global before link-local', [a('fe80::1/64'), a('fd00::1/64', { permanent: false, temporary: true })], 'fd00::1'],
    ['permanent before dynamic', [a('fd00::1/64', { permanent: false }), a('fd00::2/64')], 'fd00::2'],
    [
      'lasting before temporary',
      [a('fd00::1/64', { permanent: false, temporary: true }), a('fd00::2/64', { permanent: false })],
      'fd00::2',
    ],
    [
      'permanent though temporary before dynamic',
      [a('fd00::1/64', { permanent: false }), a('fd00::2/64', { temporary: true })],
      'fd00::2',
    ],
    ['never a deprecated one', [a('fd00::1/64', { deprecated: true }), a('fe80::1/64')], 'fe80::1'],
    ['never loopback or multicast', [a('::1/128'), a('ff02::9/128'), a('fd00::3/64')], 'fd00::3'],
  ])('%s', (_, addresses, expected) => {
    expect(only(...addresses)).toBe(`x ${expected}`);
  });
});

describe('both families', () => {
  const both = (asked: Asked, facts: Partial<HostFacts> = {}) => choose(asked, host(facts), [4, 6]);
  it.each<[string, Asked, Partial<HostFacts>, string[]]>([
    ['one interface', {}, {}, ['eth0 192.168.1.5', 'eth0 2001:db8:1::5']],
    [
      'default routes through two interfaces',
      {},
      { defaultRoutes: [via('eth0', 100), via('eth1', 1024, 6)] },
      ['eth0 192.168.1.5', 'eth1 2001:db8:2::5'],
    ],
    ['no IPv6 default route', {}, { defaultRoutes: [via('eth1', 100)] }, ['eth1 10.9.0.5', 'eth1 2001:db8:2::5']],
    ['a name', { iface: ['eth1'] }, {}, ['eth1 10.9.0.5', 'eth1 2001:db8:2::5']],
    [
      'names, one per family',
      { iface: ['only4', 'only6'] },
      {
        links: [link('only4', [a('10.1.0.1/24')]), link('only6', [a('fd00::1/64')])],
      },
      ['only4 10.1.0.1', 'only6 fd00::1'],
    ],
    ['an IPv4 address', { iface: ['10.9.0.5'] }, {}, ['eth1 10.9.0.5', 'eth1 2001:db8:2::5']],
    [
      'an IPv4 address and a public IPv6 one',
      { iface: ['10.9.0.5'], publicIpv6: '2001:db8:2::5' },
      {},
      ['eth1 10.9.0.5', 'eth1 2001:db8:2::5'],
    ],
    [
      'an IPv6 address alone (flanneld crashes)',
      { iface: ['2001:db8:2::5'] },
      {},
      ['eth1 10.9.0.5', 'eth1 2001:db8:2::5'],
    ],
    ['a pattern on IPv4 addresses', { ifaceRegex: [/^10\.9/] }, {}, ['eth1 10.9.0.5', 'eth1 2001:db8:2::5']],
    ['a pattern on each', { ifaceRegex: [/^10\.9|^2001:db8:1:/] }, {}, ['eth1 10.9.0.5', 'eth0 2001:db8:1::5']],
    [
      'the way to an IPv4 address',
      { ifaceCanReach: '10.9.3.3' },
      { lookups: reach('10.9.3.3', 'eth1', '10.9.0.5') },
      ['eth1 10.9.0.5', 'eth1 2001:db8:2::5'],
    ],
    [
      'two public addresses',
      { publicIp: '10.9.0.5', publicIpv6: '2001:db8:1::5' },
      {},
      ['eth1 10.9.0.5', 'eth0 2001:db8:1::5'],
    ],
    ['one public address', { publicIp: '10.9.0.5' }, {}, ['eth1 10.9.0.5', 'eth1 2001:db8:2::5']],
    ['a public IPv6 address', { publicIpv6: '2001:db8:2::5' }, {}, ['eth1 10.9.0.5', 'eth1 2001:db8:2::5']],
    [
      'a public address where IPv6 is only link-local',
      { publicIp: '172.16.0.4' },
      {},
      ['four 172.16.0.4', 'eth0 2001:db8:1::5'],
    ],
  ])('%s', (_, asked, facts, expected) => {
    expect(brief(both(asked, facts))).toEqual(expected);
  });
});

describe('failure', () => {
  it.each<[string, Asked, Partial<HostFacts>, Family, string]>([
    ['no such name', { iface: ['eth'] }, {}, 4, "--iface eth: no interface 'eth' (did you mean 'eth0'?)"],
    ['no such address', { iface: ['10.0.0.99'] }, {}, 4, 'no interface has 10.0.0.99'],
    [
      'no address of the family',
      { iface: ['b'] },
      { links: [link('b', [a('10.0.0.1/8')])] },
      6,
      'b: this is its name, but it has no usable IPv6 address',
    ],
    ['nothing matches', { ifaceRegex: [/^wlan/] }, {}, 4, '--iface-regex ^wlan: no address and no name matches'],
    ['no way there', { ifaceCanReach: '10.9.3.3' }, {}, 4, 'the kernel has no route to 10.9.3.3'],
    [
      'an own address',
      { ifaceCanReach: '10.9.0.5' },
      { lookups: reach('10.9.0.5', 'lo', '10.9.0.5') },
      4,
      '10.9.0.5 is an address of this host',
    ],
    ['no default route', {}, { defaultRoutes: [] }, 4, 'there is no IPv4 default route'],
    ['MTU 0', { iface: ['eth1'] }, { links: [{ ...eth1, mtu: 0 }] }, 4, 'its MTU is 0'],
  ])('%s', (_, asked, facts, family, why) => {
    let caught: unknown;
    try {
      choose(asked, host(facts), [family]);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(FlanError);
    expect(caught).toMatchObject({ code: 'E_IFACE', message: expect.stringContaining(why) });
    for (const { name, addresses } of host(facts).links) {
      for (const text of [name, ...addresses.map(({ address }) => address)])
        expect((caught as FlanError).message).toContain(text);
    }
  });
});

it('explains what lost, and to what', () => {
  const { explanation } = choose({}, host({ defaultRoutes: [via('eth0', 100), via('eth1', 50)] }));
  expect(explanation).toEqual([
    { rule: 'default route', family: 4, dev: 'eth1', verdict: 'picked', why: 'IPv4 default route, metric 50' },
    {
      rule: 'default route',
      family: 4,
      dev: 'eth0',
      verdict: 'lost',
      why: 'IPv4 default route, metric 100; eth1 came first',
    },
  ]);
});

it('answers an address of the interface itself, whatever is asked', () => {
  const names = fc.constantFrom(
    'eth0',
    'eth1',
    'four',
    'lo',
    'nope',
    '10.9.0.5',
    'fe80::5',
    '2001:db8:1::5',
    '203.0.113.9',
  );
  const asked = fc.record({
    iface: fc.array(names, { maxLength: 2 }),
    ifaceRegex: fc.array(fc.constantFrom(/eth/, /^10/, /f/, /zz/), { maxLength: 2 }),
    publicIp: fc.constantFrom(undefined, '10.9.0.5', '203.0.113.7'),
    publicIpv6: fc.constantFrom(undefined, '2001:db8:1::5', '2001:db8:9::9'),
  });
  const families = fc.constantFrom<readonly Family[]>([4], [6], [4, 6]);
  fc.assert(
    fc.property(asked, families, (selection, wanted) => {
      try {
        const { external, explanation } = choose(selection, host(), wanted);
        expect(Object.keys(external).map(Number)).toEqual(wanted);
        for (const { dev, address, family, publicIp } of Object.values(external)) {
          const held = host()
            .links.find(({ name }) => name === dev)
            ?.addresses.map((each) => each.address);
          expect(held).toContain(address);
          expect(publicIp).toBe((family === 4 ? selection.publicIp : selection.publicIpv6) ?? address);
          expect(explanation.filter((line) => line.family === family && line.verdict === 'picked')).toHaveLength(1);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'E_IFACE' });
      }
    }),
  );
});
