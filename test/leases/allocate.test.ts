import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocate, leaseFor } from '../../src/leases/allocate.js';
import { contains, formatIPv4, makePrefix, overlaps, type Prefix, parseIPv4 } from '../../src/model/ip.js';
import { type Lease, subnetsOf } from '../../src/model/lease.js';
import { ip, lease, network, prefix, request, seeded, stack, V4, V6 } from './support.js';

const first = () => 0;
const dual = network({ ipv4: V4, ipv6: V6 });

describe('which lease is ours', () => {
  const byId = lease({ v4: '10.3.2.0/24', ip: '1.1.1.9', node: 'old-name', nodeId: 'id-a' });
  const byName = lease({ v4: '10.3.4.0/24', ip: '1.1.1.8', node: 'node-a' });
  const byAddress = lease({ v4: '10.3.5.0/24', ip: '1.1.1.1' });
  const pick = (...leases: Lease[]) => allocate({ request: request({ ip: '1.1.1.1' }), leases, random: first });

  test('identity, then name, then address', () => {
    expect(pick(byAddress, byName, byId)).toMatchObject({ type: 'keep', lease: byId });
    expect(pick(byAddress, byName)).toMatchObject({ type: 'keep', lease: byName });
    expect(pick(byAddress)).toMatchObject({ type: 'keep', lease: byAddress });
  });

  test('by IPv6 address too: an IPv6-only network has no other', () => {
    const only6 = network({ ipv6: V6 });
    const held = lease({ v6: 'fd00:3:0:7::/64', ip6: 'fd99::1' });
    const other = lease({ v6: 'fd00:3:0:8::/64', ip6: 'fd99::2' });
    const leases = [other, held];
    expect(allocate({ request: request({ ip6: 'fd99::1', network: only6 }), leases, random: first })).toMatchObject({
      type: 'keep',
      lease: held,
    });
    expect(allocate({ request: request({ ip6: 'fd99::3', network: only6 }), leases, random: first })).toMatchObject({
      type: 'take',
      ipv6: 'fd00:3:0:1::/64',
    });
  });

  test.each([
    ['identity', { nodeId: 'id-b', node: 'node-a' }],
    ['name', { node: 'node-b' }],
  ])('never one that names another node by %s, though it has our address', (_, names) => {
    const theirs = lease({ v4: '10.3.1.0/24', ip: '1.1.1.1', ...names });
    const choice = allocate({
      request: request({ ip: '1.1.1.1', previous: { v4: '10.3.1.0/24' } }),
      leases: [theirs],
      random: first,
    });
    expect(choice).toMatchObject({ type: 'take', ipv4: '10.3.2.0/24' });
  });

  test('what a crash left under our identity is handed back', () => {
    const leftOver = lease({ v4: '10.3.9.0/24', ip: '1.1.1.1', nodeId: 'id-a' });
    expect(pick(leftOver, byId, byAddress)).toEqual({
      type: 'keep',
      lease: byId,
      because: 'this node holds it',
      stale: [leftOver],
    });
  });
});

describe('a lease that no longer fits is replaced', () => {
  test.each([
    ['outside the network', '10.4.2.0/24'],
    ['before SubnetMin', '10.3.0.0/24'],
    ['after SubnetMax', '10.3.26.0/24'],
    ['of another length', '10.3.2.0/25'],
  ])('%s', (_, v4) => {
    const old = lease({ v4, ip: '1.1.1.1' });
    const choice = allocate({ request: request({ ip: '1.1.1.1' }), leases: [old], random: first });
    expect(choice).toMatchObject({ type: 'replace', old, ipv4: '10.3.1.0/24' });
  });

  test('a family is added: the half that fits is kept', () => {
    const old = lease({ v4: '10.3.7.0/24', ip: '1.1.1.1', nodeId: 'id-a' });
    const choice = allocate({ request: request({ ip: '1.1.1.1', network: dual }), leases: [old], random: first });
    expect(choice).toMatchObject({ type: 'replace', old, ipv4: '10.3.7.0/24', ipv6: 'fd00:3:0:7::/64' });
  });
});

describe('the subnet held before', () => {
  const leases = [1, 2, 4, 5].map((n) => lease({ v4: `10.3.${n}.0/24`, ip: `1.1.1.${n + 10}` }));
  const take = (v4: string) =>
    allocate({ request: request({ ip: '1.1.1.1', previous: { v4 } }), leases, random: first });

  test('is taken when it is free', () =>
    expect(take('10.3.6.0/24')).toMatchObject({ type: 'take', ipv4: '10.3.6.0/24' }));
  test('is not when it is outside', () => expect(take('10.4.1.0/24')).toMatchObject({ ipv4: '10.3.3.0/24' }));
  test('is not when somebody has it', () => expect(take('10.3.4.0/24')).toMatchObject({ ipv4: '10.3.3.0/24' }));
  test('is not when a wider lease covers it', () => {
    const wide = lease({ v4: '10.3.6.0/23', ip: '1.1.1.99' });
    const choice = allocate({
      request: request({ ip: '1.1.1.1', previous: { v4: '10.3.7.0/24' } }),
      leases: [...leases, wide],
      random: first,
    });
    expect(choice).toMatchObject({ ipv4: '10.3.3.0/24' });
  });
});

describe('a free subnet', () => {
  test('reservations and blocked entries are left alone', () => {
    const choice = allocate({
      request: request(),
      leases: [lease({ v4: '10.3.1.0/24' })],
      blocked: [{ ipv4: prefix('10.3.2.0/24') }],
      random: first,
    });
    expect(choice).toMatchObject({ type: 'take', ipv4: '10.3.3.0/24' });
  });

  test('exhaustion says what is full', () => {
    const small = network({ ipv4: stack('10.3.0.0/16', 24, '10.3.1.0', '10.3.2.0') });
    const leases = [lease({ v4: '10.3.0.0/23' }), lease({ v4: '10.3.2.0/24' })];
    const attempt = () => allocate({ request: request({ network: small }), leases, random: first });
    expect(attempt).toThrow(expect.objectContaining({ code: 'E_SUBNETS_EXHAUSTED', hint: expect.any(String) }));
    expect(attempt).toThrow('all 2 /24 subnets from 10.3.1.0 to 10.3.2.0 of 10.3.0.0/16 are taken (2 leases)');
  });

  test('SubnetMin after SubnetMax is an error of the config', () => {
    const wrong = network({ ipv4: stack('10.3.0.0/16', 24, '10.3.9.0', '10.3.2.0') });
    expect(() => allocate({ request: request({ network: wrong }), leases: [], random: first })).toThrow(
      expect.objectContaining({ code: 'E_NETWORK_CONFIG' }),
    );
  });

  test('2^64 places are not walked through', () => {
    const huge = network({ ipv6: stack('fd00::/16', 80, 'fd00:0:0:0:1::', 'fd00:ffff:ffff:ffff:ffff::') });
    const leases = [lease({ v6: 'fd00:8000::/17', ip6: 'fe99::1' })];
    const choice = allocate({ request: request({ network: huge }), leases, random: seeded(7) });
    expect(choice.type).toBe('take');
    if (choice.type === 'take') expect(choice.ipv6 && contains(prefix('fd00::/17'), choice.ipv6)).toBe(true);
  });

  test('65,535 of 65,536 taken: the last one is found', () => {
    const full = network({ ipv4: stack('10.0.0.0/8', 24, '10.0.0.0', '10.255.255.0') });
    const leases: Lease[] = [];
    for (let n = 0; n < 65_536; n++) {
      if (n === 40_000) continue;
      const subnet = makePrefix(formatIPv4(parseIPv4('10.0.0.0') + n * 256), 24);
      leases.push({ key: `${n}` as Lease['key'], backendType: '', ipv4: { subnet } });
    }
    const choice = allocate({ request: request({ network: full }), leases, random: seeded(1) });
    expect(choice).toMatchObject({ type: 'take', ipv4: '10.156.64.0/24' });
  });
});

describe('for all inputs', () => {
  const v4 = fc
    .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 20, max: 28 }))
    .map(([c, d, len]) => ({ v4: makePrefix(ip(`10.3.${c}.${d}`), len) }));
  const v6 = fc
    .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 56, max: 72 }))
    .map(([n, len]) => ({ v6: makePrefix(ip(`fd00:3:0:${n.toString(16)}::`), len) }));
  const leases = fc.array(
    fc.oneof(v4, v6).map((half) => lease(half)),
    { maxLength: 25 },
  );

  test('the choice overlaps nothing, lies in range, and follows from the random numbers', () => {
    fc.assert(
      fc.property(leases, fc.integer(), (held, seed) => {
        const run = () => {
          try {
            return allocate({ request: request({ ip: '1.1.1.1', network: dual }), leases: held, random: seeded(seed) });
          } catch (error) {
            return (error as { code: string }).code;
          }
        };
        const choice = run();
        expect(run()).toEqual(choice);
        if (typeof choice === 'string') {
          expect(choice).toBe('E_SUBNETS_EXHAUSTED');
          const free = (min: Prefix[]) =>
            min.filter((s) => !held.some((l) => subnetsOf(l).some((o) => overlaps(o, s))));
          const all4 = Array.from({ length: 25 }, (_, i) => prefix(`10.3.${i + 1}.0/24`));
          const all6 = Array.from({ length: 25 }, (_, i) => prefix(`fd00:3:0:${(i + 1).toString(16)}::/64`));
          expect(free(all4).length === 0 || free(all6).length === 0).toBe(true);
          return;
        }
        expect(choice.type).toBe('take');
        if (choice.type !== 'take') return;
        for (const subnet of [choice.ipv4, choice.ipv6]) {
          expect(subnet).toBeDefined();
          for (const other of held.flatMap(subnetsOf)) expect(subnet && overlaps(subnet, other)).toBe(false);
        }
        const third = Number(choice.ipv4?.split('.')[2]);
        expect(third).toBeGreaterThanOrEqual(1);
        expect(third).toBeLessThanOrEqual(25);
      }),
    );
  });

  test('every free subnet can be chosen', () => {
    const held = Array.from({ length: 25 }, (_, i) => i + 1).filter((n) => n % 3 !== 0);
    const random = seeded(3);
    const seen = new Set<string>();
    for (let i = 0; i < 400; i++) {
      const leases = held.map((n) => lease({ v4: `10.3.${n}.0/24` }));
      const choice = allocate({ request: request(), leases, random });
      if (choice.type === 'take') seen.add(String(choice.ipv4));
    }
    expect([...seen].sort()).toEqual(
      [
        '10.3.3.0/24',
        '10.3.6.0/24',
        '10.3.9.0/24',
        '10.3.12.0/24',
        '10.3.15.0/24',
        '10.3.18.0/24',
        '10.3.21.0/24',
        '10.3.24.0/24',
      ].sort(),
    );
  });
});

test('a lease carries what the request publishes', () => {
  const made = leaseFor(request({ ip: '1.1.1.1' }), { ipv4: prefix('10.3.4.0/24') });
  expect(made).toEqual({
    key: '10.3.4.0-24',
    node: 'node-a',
    nodeId: 'id-a',
    backendType: 'host-gw',
    ipv4: { subnet: '10.3.4.0/24', publicIp: '1.1.1.1' },
  });
});
