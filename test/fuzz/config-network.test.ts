import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseNetwork } from '../../src/config/network.js';
import { FlanError } from '../../src/errors.js';
import { compareAddresses, contains, FAMILIES, lengthOf, makePrefix } from '../../src/model/ip.js';
import { networkOf } from '../../src/model/network.js';

const names = [
  'Network',
  'network',
  'SubnetLen',
  'SUBNETLEN',
  'SubnetMin',
  'SubnetMax',
  'EnableIPv4',
  'EnableIPv6',
  'IPv6Network',
  'IPv6SubnetLen',
  'IPv6SubnetMin',
  'IPv6SubnetMax',
  'EnableNFTables',
  'Backend',
  'Type',
  '__proto__',
  'constructor',
];
const octets = fc.array(fc.constantFrom(0, 1, 3, 128, 255), { minLength: 4, maxLength: 4 }).map((o) => o.join('.'));
const six = fc
  .tuple(fc.constantFrom('fc00', '0', 'ffff'), fc.constantFrom('::', ':0:0:1::', ':0:0:ffff::'))
  .map((p) => p.join(''));
const word = fc.oneof(
  octets,
  six,
  fc.tuple(octets, fc.integer({ min: 0, max: 33 })).map((p) => p.join('/')),
  fc.tuple(six, fc.integer({ min: 0, max: 129 })).map((p) => p.join('/')),
  fc.constantFrom('vxlan', 'Host-GW', ''),
);
const scalar = fc.oneof(word, fc.boolean(), fc.integer({ min: -1, max: 130 }), fc.constant(null), fc.jsonValue());
const config = fc.dictionary(
  fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: fc.string() }),
  fc.oneof(
    { weight: 4, arbitrary: scalar },
    { weight: 1, arbitrary: fc.dictionary(fc.constantFrom(...names, 'VNI'), scalar) },
  ),
  { noNullPrototype: true },
);
/** Nearly right: sound ranges, with at most one member replaced by anything. */
const nearly = fc
  .tuple(
    fc.integer({ min: 0, max: 33 }),
    fc.constantFrom<object>(
      {},
      { SubnetLen: 28 },
      { subnetmin: '10.3.7.0' },
      { SubnetMax: '10.3.8.0', backend: { type: 'UDP' } },
    ),
    fc.constantFrom<object>(
      {},
      { EnableIPv6: true, IPv6Network: 'fc00::/48' },
      { EnableIPv6: true, IPv6Network: '::/3', IPv6SubnetLen: 9 },
    ),
    fc.option(fc.tuple(fc.constantFrom(...names), scalar), { nil: undefined }),
  )
  .map(([len, four, dual, broken]) => ({
    Network: `10.3.0.0/${len}`,
    ...four,
    ...dual,
    ...(broken && { [broken[0]]: broken[1] }),
  }));
const noise = fc.string({ unit: fc.constantFrom(...'{}[]:,"\'&*!|>-?#%@` \n\tab01~<'), maxLength: 60 });
const cut = fc.tuple(config, fc.nat(200)).map(([value, at]) => JSON.stringify(value).slice(0, at));
const text = fc.oneof(
  nearly.map((value) => JSON.stringify(value)),
  nearly.map((value) => stringify(value)),
  config.map((value) => JSON.stringify(value)),
  config.map((value) => stringify(value)),
  cut,
  noise,
  fc.string(),
);

describe('parseNetwork', () => {
  it('answers a complete network, or throws a FlanError, whatever the text', async () => {
    let decoded = 0;
    await fc.assert(
      fc.asyncProperty(text, async (source) => {
        try {
          const { network } = await parseNetwork(source, 'fuzz');
          decoded++;
          const stacks = FAMILIES.map((family) => networkOf(network, family)).filter((s) => s !== undefined);
          expect(stacks.length).toBeGreaterThan(0);
          for (const stack of stacks) {
            expect(stack.subnetLen).toBeGreaterThanOrEqual(lengthOf(stack.network) + 2);
            expect(compareAddresses(stack.subnetMin, stack.subnetMax)).toBeLessThanOrEqual(0);
            for (const bound of [stack.subnetMin, stack.subnetMax]) {
              expect(contains(stack.network, makePrefix(bound, stack.subnetLen))).toBe(true);
              expect(makePrefix(bound, stack.subnetLen)).toBe(`${bound}/${stack.subnetLen}`);
            }
          }
        } catch (error) {
          if (!(error instanceof FlanError)) throw error;
          expect(error.code).toBe('E_NETWORK_CONFIG');
        }
      }),
      { numRuns: 4000, examples: [['{"Network":"10.3.0.0/16"}'], ['Network: 10.3.0.0/16']] },
    );
    expect(decoded).toBeGreaterThan(20); // the generators reach the good case too
  }, 60_000);
});
