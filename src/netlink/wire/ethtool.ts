import { attributes, type Decoded } from './attributes.js';
import { list, nested, presence, string, u32 } from './codecs.js';
import { GENL_HEADER_BYTES, writeGenlHeader } from './genl.js';
import type { Request } from './request.js';

/** Name of the generic netlink family, and of its group that hears of changes. @see uapi/linux/ethtool_netlink.h */
export const ETHTOOL_FAMILY = 'ethtool';
export const ETHTOOL_MONITOR_GROUP = 'monitor';

const MSG_FEATURES_GET = 11;
const MSG_FEATURES_SET = 12;
/** The kernel's own numbers: command of the notification that features of a link changed. */
export const MSG_FEATURES_NTF = 13;
const FLAG_OMIT_REPLY = 2;
const NLA_F_NESTED = 0x8000;

const header = attributes('ETHTOOL_A_HEADER', {
  index: u32(1), // DEV_INDEX
  name: string(2), // DEV_NAME
  flags: u32(3), // FLAGS
});

const bit = attributes('ETHTOOL_A_BITSET_BIT', {
  index: u32(1), // INDEX
  name: string(2), // NAME
  value: presence(3), // VALUE
});

/** A set in words: of a list without a mask every bit that is named is set. */
const bitset = attributes('ETHTOOL_A_BITSET', {
  nomask: presence(1), // NOMASK
  size: u32(2), // SIZE
  bits: list(3 | NLA_F_NESTED, bit), // BITS
});

const features = attributes('ETHTOOL_A_FEATURES', {
  header: nested(1 | NLA_F_NESTED, header), // HEADER
  changeable: nested(2 | NLA_F_NESTED, bitset), // HW
  wanted: nested(3 | NLA_F_NESTED, bitset), // WANTED
  active: nested(4 | NLA_F_NESTED, bitset), // ACTIVE
});
export type Features = Decoded<typeof features>;

/** The same for one bit that is to change: the members of a list that is sent are all numbered 1. */
const change = attributes('ETHTOOL_A_FEATURES', {
  header: features.rows.header,
  wanted: nested(
    3 | NLA_F_NESTED,
    attributes('ETHTOOL_A_BITSET', {
      bits: nested(3 | NLA_F_NESTED, attributes('ETHTOOL_A_BITSET_BITS', { bit: nested(1 | NLA_F_NESTED, bit) })),
    }),
  ),
});

/** @throws {DecodeError} */
export const decodeFeatures = (bytes: Uint8Array, offset: number, length: number): Features =>
  features.read(bytes, offset + GENL_HEADER_BYTES, Math.max(0, length - GENL_HEADER_BYTES));

export interface FeatureRequest {
  /** The number that the family has here. */
  readonly familyId: number;
  readonly dev: string;
}

export const getFeatures = ({ familyId, dev }: FeatureRequest): Request => ({
  type: familyId,
  flags: 0,
  write: (writer) => {
    writeGenlHeader(writer, { command: MSG_FEATURES_GET, version: 1 });
    features.write(writer, { header: { name: dev } });
  },
  describe: `ethtool -k ${dev}`,
});

/** Switches one feature, by the name that `ethtool -k` shows; what depends on it follows. */
export const setFeature = ({
  familyId,
  dev,
  feature,
  state,
}: FeatureRequest & { readonly feature: string; readonly state: 'on' | 'off' }): Request => ({
  type: familyId,
  flags: 0,
  write: (writer) => {
    writeGenlHeader(writer, { command: MSG_FEATURES_SET, version: 1 });
    const wanted = { bits: { bit: { name: feature, ...(state === 'on' && { value: true as const }) } } };
    change.write(writer, { header: { name: dev, flags: FLAG_OMIT_REPLY }, wanted });
  },
  describe: `ethtool -K ${dev} ${feature} ${state}`,
});
