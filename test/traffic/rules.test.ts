import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, contains, type Prefix, parseAddress, parsePrefix } from '../../src/model/ip.js';
import { type Match, type TrafficRule, trafficRules, type Verdict } from '../../src/traffic/rules.js';
import { families, settings } from './arbitrary-rules.js';

const base = {
  family: 4,
  network: parsePrefix('10.244.0.0/16'),
  subnet: parsePrefix('10.244.3.0/24'),
  masquerade: true,
  forward: false,
  fullyRandom: true,
  exclude: [parsePrefix('198.51.100.0/24')],
} as const;

/** What becomes of a packet, as the kernel walks a chain. */
function verdictFor(
  rules: readonly TrafficRule[],
  packet: { from: Address; to: Address; mark: number },
): Verdict | 'end' {
  const holds = (match: Match | undefined, address: Address) =>
    match === undefined || contains(match.prefix, address) === (match.is === 'inside');
  for (const { markBits = 0, source, destination, verdict } of rules) {
    if ((packet.mark & markBits) === markBits && holds(source, packet.from) && holds(destination, packet.to))
      return verdict;
  }
  return 'end';
}

describe('who is masqueraded', () => {
  const random = 'masquerade-fully-random';
  test.each([
    ['own pod to own pod', '10.244.3.5', '10.244.3.6', 0, 'return'],
    ['own pod to remote pod', '10.244.3.5', '10.244.9.6', 0, 'return'],
    ['remote pod to own pod', '10.244.9.5', '10.244.3.6', 0, 'return'],
    ['outside to own pod', '192.0.2.1', '10.244.3.6', 0, 'return'],
    ['own pod to outside', '10.244.3.5', '192.0.2.1', 0, random],
    ['own pod to multicast', '10.244.3.5', '239.1.1.1', 0, 'end'],
    ['host to remote pod, which nftables in flannel misses', '192.0.2.7', '10.244.9.6', 0, random],
    ['own pod to an excluded destination', '10.244.3.5', '198.51.100.1', 0, 'return'],
    ['marked by kube-proxy', '10.244.3.5', '192.0.2.1', 0x4000, 'return'],
    ['marked by kube-proxy and by somebody else', '10.244.3.5', '192.0.2.1', 0x4021, 'return'],
    ['marked by somebody else', '10.244.3.5', '192.0.2.1', 0x21, random],
    ['outside to outside', '192.0.2.1', '192.0.2.2', 0, 'end'],
  ])('%s', (_, from, to, mark, verdict) => {
    expect(verdictFor(trafficRules(base), { from: parseAddress(from), to: parseAddress(to), mark })).toBe(verdict);
  });
});

test('exclusions of the other family play no part', () => {
  const exclude = ['fd00::/8' as Prefix];
  expect(trafficRules({ ...base, exclude })).toEqual(trafficRules({ ...base, exclude: [] }));
});

test('everything excluded: nothing is masqueraded', () => {
  const rules = trafficRules({ ...base, exclude: [parsePrefix('0.0.0.0/0')] });
  expect(verdictFor(rules, { from: parseAddress('10.244.3.5'), to: parseAddress('192.0.2.1'), mark: 0 })).toBe(
    'return',
  );
});

test('no rule holds a condition on all addresses, for the tools would not list it', () => {
  fc.assert(
    fc.property(families.chain(settings), (each) => {
      for (const { source, destination } of trafficRules(each)) {
        expect(source?.prefix ?? '').not.toMatch(/\/0$/);
        expect(destination?.prefix ?? '').not.toMatch(/\/0$/);
      }
    }),
  );
});
