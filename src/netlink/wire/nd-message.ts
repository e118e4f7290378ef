import { type Address, addressFromBytes, formatIPv4 } from '../../model/ip.js';
import { type Mac, macFromBytes } from '../../model/mac.js';
import type { RawAttribute } from './attributes.js';

/** What a neighbour or FDB entry is made from. */
export interface NdFields {
  readonly ifindex: number;
  /** Of a neighbour: its IP address. Of a vxlan FDB entry: the remote tunnel endpoint. */
  readonly dst?: Address | undefined;
  readonly mac?: Mac | undefined;
  /** NUD_* */
  readonly state?: number | undefined;
  /** NTF_* */
  readonly flags?: number | undefined;
  /** RTN_* for a neighbour; zero for an FDB entry. */
  readonly type?: number | undefined;
  readonly vlan?: number | undefined;
  readonly port?: number | undefined;
  readonly vni?: number | undefined;
  /** Link that an FDB entry sends through. */
  readonly through?: number | undefined;
  /** Bridge that the link is in. */
  readonly master?: number | undefined;
  /** Who made it (rtm_protocol numbers). */
  readonly protocol?: number | undefined;
  readonly flagsExt?: number | undefined;
  readonly unknown?: readonly RawAttribute[] | undefined;
}

/**
 * `struct ndmsg` with its attributes: a neighbour of IPv4 or IPv6, or (AF_BRIDGE) an FDB entry. Hot like routes: numbers
 * when decoded, text when asked for.
 */
export class NdMessage implements NdFields {
  /** AF_INET, AF_INET6 or AF_BRIDGE. */
  af = 0;
  ifindex = 0;
  state = 0;
  flags = 0;
  type = 0;
  /** An IPv4 `dst` as a signed 32-bit number, which V8 keeps without a box; of an IPv6 one, its 16 bytes. */
  dst4: number | undefined = undefined;
  dstBytes: Uint8Array | undefined = undefined;
  /** The six bytes as 16 and (signed) 32 bits. */
  macHigh: number | undefined = undefined;
  macLow = 0;
  vlan: number | undefined = undefined;
  port: number | undefined = undefined;
  vni: number | undefined = undefined;
  through: number | undefined = undefined;
  master: number | undefined = undefined;
  protocol: number | undefined = undefined;
  flagsExt: number | undefined = undefined;
  unknown: readonly RawAttribute[] | undefined = undefined;
  #dst: Address | undefined = undefined;
  #mac: Mac | undefined = undefined;

  get dst(): Address | undefined {
    if (this.dst4 !== undefined) this.#dst ??= formatIPv4(this.dst4);
    else if (this.dstBytes !== undefined) this.#dst ??= addressFromBytes(this.dstBytes, 0, 6);
    return this.#dst;
  }

  get mac(): Mac | undefined {
    if (this.macHigh !== undefined) this.#mac ??= macOf(this.macHigh, this.macLow);
    return this.#mac;
  }

  /** Plain data, for comparing and printing. */
  fields(): NdFields & { readonly af: number } {
    const { af, ifindex, dst, mac, state, flags, type, vlan, port, vni, through, master } = this;
    const { protocol, flagsExt, unknown } = this;
    return {
      ...{ af, ifindex, dst, mac, state, flags, type, vlan, port, vni, through, master },
      ...{ protocol, flagsExt, unknown },
    };
  }
}

const macOf = (high: number, low: number): Mac =>
  macFromBytes(Uint8Array.of(high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low));
