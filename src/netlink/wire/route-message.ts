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

/** What few routes have, apart: an object for each of a hundred thousand routes is as small as it can be. */
export interface RareFields {
  srcLen?: number;
  src?: Address;
  prefsrc?: Address;
  iif?: number;
  mtu?: number;
  nexthops?: readonly NextHop[];
  unknown?: readonly RawAttribute[];
}

/**
 * A route as the kernel told it. Reading a hundred thousand of them is a hot path: the decoder fills in numbers, and
 * the text that people and `===` compare is made when it is asked for. It holds no reference to the receive buffer.
 */
export class RouteMessage implements RouteFields {
  family: Family = 4;
  dstLen = 0;
  tos = 0;
  table = 0;
  protocol = 0;
  scope = 0;
  type = 0;
  flags = 0;
  /** IPv4 addresses as signed 32-bit numbers, which V8 keeps without a box. Of IPv6 ones, their 16 bytes. */
  dst4 = 0;
  via4: number | undefined = undefined;
  dstBytes: Uint8Array | undefined = undefined;
  viaBytes: Uint8Array | undefined = undefined;
  oif: number | undefined = undefined;
  priority: number | undefined = undefined;
  rare: RareFields | undefined = undefined;
  #dst: Prefix | undefined = undefined;
  #via: Address | undefined = undefined;

  get dst(): Prefix {
    this.#dst ??= this.#prefix();
    return this.#dst;
  }

  get via(): Address | undefined {
    if (this.via4 !== undefined) this.#via ??= formatIPv4(this.via4);
    else if (this.viaBytes !== undefined) this.#via ??= addressFromBytes(this.viaBytes, 0, 6);
    return this.#via;
  }

  get prefsrc(): Address | undefined {
    return this.rare?.prefsrc;
  }

  get src(): Prefix | undefined {
    return this.rare?.src && makePrefix(this.rare.src, this.rare.srcLen ?? 0);
  }

  get iif(): number | undefined {
    return this.rare?.iif;
  }

  get mtu(): number | undefined {
    return this.rare?.mtu;
  }

  get nexthops(): readonly NextHop[] | undefined {
    return this.rare?.nexthops;
  }

  get unknown(): readonly RawAttribute[] | undefined {
    return this.rare?.unknown;
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
