import { type Address, addressFromBytes, type Family, formatIPv4, makePrefix, type Prefix } from '../../model/ip.js';
import type { RawAttribute } from './attributes.js';
import { RTNH_F_ONLINK } from './constants.js';

/** One way out of a multipath route. @see uapi/linux/rtnetlink.h `struct rtnexthop` */
export interface NextHop {
  readonly oif: number;
  readonly via?: Address | undefined;
  /** 1 to 256. */
  readonly weight: number;
  /** RTNH_F_* */
  readonly flags: number;
  readonly unknown?: readonly RawAttribute[] | undefined;
}

/** What a route is made from. Everything but `dst` has the default that ip-route(8) gives it. */
export interface RouteFields {
  readonly dst: Prefix;
  readonly src?: Prefix | undefined;
  readonly via?: Address | undefined;
  readonly oif?: number | undefined;
  readonly iif?: number | undefined;
  readonly tos?: number | undefined;
  readonly table?: number | undefined;
  readonly protocol?: number | undefined;
  readonly scope?: number | undefined;
  /** RTN_* */
  readonly type?: number | undefined;
  /** RTNH_F_* and RTM_F_* */
  readonly flags?: number | undefined;
  /** The metric; the lower one wins. */
  readonly priority?: number | undefined;
  readonly prefsrc?: Address | undefined;
  readonly mtu?: number | undefined;
  readonly nexthops?: readonly NextHop[] | undefined;
  readonly unknown?: readonly RawAttribute[] | undefined;
}

const NONE = -1;

/**
 * A route as the kernel told it. Reading a hundred thousand of them is a hot path: the decoder fills in numbers, and
 * the text that people and `===` compare is made when it is asked for. It holds no reference to the receive buffer.
 */
export class RouteMessage implements RouteFields {
  family: Family = 4;
  dstLen = 0;
  srcLen = 0;
  tos = 0;
  table = 0;
  protocol = 0;
  scope = 0;
  type = 0;
  flags = 0;
  /** IPv4 addresses as unsigned numbers, -1 for none; of IPv6 ones, their 16 bytes. */
  dst4 = 0;
  via4 = NONE;
  prefsrc4 = NONE;
  dstBytes: Uint8Array | undefined = undefined;
  viaBytes: Uint8Array | undefined = undefined;
  prefsrcBytes: Uint8Array | undefined = undefined;
  srcAddress: Address | undefined = undefined;
  oif: number | undefined = undefined;
  iif: number | undefined = undefined;
  priority: number | undefined = undefined;
  mtu: number | undefined = undefined;
  nexthops: readonly NextHop[] | undefined = undefined;
  unknown: readonly RawAttribute[] | undefined = undefined;
  #dst: Prefix | undefined = undefined;
  #via: Address | undefined = undefined;

  get dst(): Prefix {
    this.#dst ??= this.#prefix();
    return this.#dst;
  }

  get via(): Address | undefined {
    this.#via ??= textOf(this.via4, this.viaBytes);
    return this.#via;
  }

  get prefsrc(): Address | undefined {
    return textOf(this.prefsrc4, this.prefsrcBytes);
  }

  get src(): Prefix | undefined {
    return this.srcAddress && makePrefix(this.srcAddress, this.srcLen);
  }

  get onlink(): boolean {
    return (this.flags & RTNH_F_ONLINK) !== 0;
  }

  #prefix(): Prefix {
    if (this.family === 4) return `${formatIPv4(this.dst4)}/${this.dstLen}` as Prefix;
    const address = this.dstBytes === undefined ? '::' : addressFromBytes(this.dstBytes, 0, 6);
    return `${address}/${this.dstLen}` as Prefix;
  }

  /** Plain data, for comparing and printing. */
  fields(): RouteFields & { readonly family: Family } {
    const { family, dst, src, via, oif, iif, tos, table, protocol, scope, type, flags } = this;
    const { priority, prefsrc, mtu, nexthops, unknown } = this;
    return {
      ...{ family, dst, src, via, oif, iif, tos, table, protocol, scope, type, flags },
      ...{ priority, prefsrc, mtu, nexthops, unknown },
    };
  }
}

const textOf = (v4: number, bytes: Uint8Array | undefined): Address | undefined => {
  if (v4 >= 0) return formatIPv4(v4);
  return bytes === undefined ? undefined : addressFromBytes(bytes, 0, 6);
};
