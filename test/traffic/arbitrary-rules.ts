import fc from 'fast-check';
import { addressFromBigInt, bitsOf, type Family, makePrefix, type Prefix } from '../../src/model/ip.js';
import { type TrafficRule, type TrafficSettings, trafficRules } from '../../src/traffic/rules.js';

export const families = fc.constantFrom<Family>(4, 6);

/** Prefixes of every length, bunched so that near-equal ones meet. */
export const prefixes = (family: Family): fc.Arbitrary<Prefix> =>
  fc
    .tuple(
      fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: (1n << BigInt(bitsOf(family))) - 1n })),
      fc.integer({ min: 0, max: bitsOf(family) }),
    )
    .map(([value, len]) => makePrefix(addressFromBigInt(value, family), len));

export const settings = (family: Family): fc.Arbitrary<TrafficSettings> =>
  fc.record({
    family: fc.constant(family),
    network: prefixes(family),
    subnet: prefixes(family),
    masquerade: fc.boolean(),
    forward: fc.boolean(),
    fullyRandom: fc.boolean(),
    exclude: fc.array(fc.oneof(prefixes(4), prefixes(6)), { maxLength: 4 }),
  });

export interface Ruled {
  readonly family: Family;
  readonly rules: readonly TrafficRule[];
}

export const ruled: fc.Arbitrary<Ruled> = families.chain((family) =>
  settings(family).map((each) => ({ family, rules: trafficRules(each) })),
);
