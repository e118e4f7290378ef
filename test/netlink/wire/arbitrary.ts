import fc from 'fast-check';
import { type Address, addressFromBigInt, type Family, makePrefix, type Prefix } from '../../../src/model/ip.js';
import { macFromBytes } from '../../../src/model/mac.js';
import type { AddressMessage } from '../../../src/netlink/wire/address.js';
import type { LinkMessage } from '../../../src/netlink/wire/link.js';
import type { NdFields } from '../../../src/netlink/wire/nd.js';
import type { RouteFields } from '../../../src/netlink/wire/route.js';
import type { RuleMessage } from '../../../src/netlink/wire/rule.js';

const u8 = fc.nat({ max: 0xff });
const u16 = fc.nat({ max: 0xffff });
const u32 = fc.nat({ max: 0xffffffff });
export const family = fc.constantFrom<Family>(4, 6);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const name = fc.stringMatching(/^[a-z][a-z0-9.:-]{0,14}$/);

export const address = (of: Family): fc.Arbitrary<Address> =>
  fc.bigInt({ min: 0n, max: (1n << (of === 4 ? 32n : 128n)) - 1n }).map((value) => addressFromBigInt(value, of));
const anyAddress = family.chain(address);
export const prefix = (of: Family): fc.Arbitrary<Prefix> =>
  fc.tuple(address(of), fc.nat({ max: of === 4 ? 32 : 128 })).map(([a, len]) => makePrefix(a, len));
/** A length of zero has no attribute, and reads back as no prefix. */
const longPrefix = (of: Family) => prefix(of).filter((p) => !p.endsWith('/0'));
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
/** Attributes whose numbers no table knows. */
const unknown = optional(
  fc.array(fc.record({ type: fc.integer({ min: 1000, max: 1010 }), value: fc.uint8Array({ maxLength: 9 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
);

export const route: fc.Arbitrary<RouteFields> = family.chain((of) =>
  fc.record({
    dst: prefix(of),
    src: optional(longPrefix(of)),
    via: optional(anyAddress),
    oif: optional(u32),
    iif: optional(u32),
    tos: u8,
    table: u32,
    protocol: u8,
    scope: u8,
    type: u8,
    flags: u32,
    priority: optional(u32),
    prefsrc: optional(address(of)),
    mtu: optional(u32),
    nexthops: optional(
      fc.array(
        fc.record({ oif: u16, via: optional(address(of)), weight: fc.integer({ min: 1, max: 256 }), flags: u8 }),
        { minLength: 1, maxLength: 3 },
      ),
    ),
    unknown,
  }),
);

export const nd: fc.Arbitrary<NdFields> = fc.record({
  ifindex: u16,
  dst: optional(anyAddress),
  mac: optional(mac),
  state: u16,
  flags: u8,
  type: u8,
  vlan: optional(u16),
  port: optional(u16),
  vni: optional(u32),
  through: optional(u32),
  master: optional(u32),
  protocol: optional(u8),
  flagsExt: optional(u32),
  unknown,
});

export const addressMessage: fc.Arbitrary<AddressMessage> = family.chain((of) =>
  fc.record({
    family: fc.constant(of),
    len: u8,
    flags: u8,
    scope: u8,
    index: u32,
    address: optional(address(of)),
    local: optional(address(of)),
    label: optional(name),
    priority: optional(u32),
    protocol: optional(u8),
    allFlags: optional(u32),
    unknown,
  }),
);

export const rule: fc.Arbitrary<RuleMessage> = family.chain((of) =>
  fc.record({
    family: fc.constant(of),
    dst: optional(longPrefix(of)),
    src: optional(longPrefix(of)),
    tos: u8,
    table: u32,
    action: u8,
    flags: u32,
    priority: optional(u32),
    mark: optional(u32),
    markMask: optional(u32),
    iif: optional(name),
    protocol: optional(u8),
    unknown,
  }),
);

const vxlan = fc.record({
  vni: optional(u32),
  local: optional(address(4)),
  local6: optional(address(6)),
  learning: optional(fc.boolean()),
  port: optional(u16),
  flowLabel: optional(u32),
  gbp: optional(fc.constant(true as const)),
  unknown,
});
const ipip = fc.record({
  local: optional(address(4)),
  remote: optional(address(4)),
  ttl: optional(u8),
  encapPort: optional(u16),
});
export const link: fc.Arbitrary<LinkMessage> = fc.record({
  family: u8,
  hardware: u16,
  index: fc.nat({ max: 0x7fffffff }),
  flags: u32,
  change: u32,
  name: optional(name),
  mac: optional(mac),
  mtu: optional(u32),
  master: optional(u32),
  operstate: optional(u8),
  alias: optional(fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0'))),
  info: optional(
    fc.oneof(
      fc.record({ kind: fc.constant('vxlan'), vxlan }),
      fc.record({ kind: fc.constant('ipip'), ipip }),
      fc.record({ kind: fc.constant('other'), data: fc.uint8Array({ maxLength: 20 }) }),
    ),
  ),
  unknown,
});
