import { hostPrefix, type Prefix } from '../model/ip.js';
import { type Arena, setPointer } from '../sys/arena.js';
import { MMSGHDR } from '../sys/packet-io.js';
import { SOCKADDR_BYTES, writeSockaddr } from '../sys/udp-socket.js';
import { MAX_PEERS } from './counters.js';
import type { SlottedPeer } from './messages.js';
import { PrefixTable } from './prefix-table.js';

const SOCKADDR_STRIDE = 32;

/** Who is reached where: subnets for the way out, endpoints for the way in, socket addresses ready for the kernel. */
export class Peers {
  readonly #arena: Arena;
  readonly #sockaddrs: number;
  readonly #subnets = new PrefixTable();
  readonly #endpoints = new PrefixTable();
  readonly #bySubnet = new Map<Prefix, SlottedPeer>();
  /** The slots behind one address: the two families of a node, or nodes behind one NAT. */
  readonly #byEndpoint = new Map<Prefix, Set<number>>();
  /** The last IPv4 look-up: packets come in runs. */
  #lastAddress = 0;
  #lastSlot = -1;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#sockaddrs = arena.take(SOCKADDR_STRIDE * MAX_PEERS);
  }

  static readonly arenaBytes = SOCKADDR_STRIDE * MAX_PEERS;

  /** Takes effect between two packets, and costs what it changes. */
  change({ put, remove }: { readonly put: readonly SlottedPeer[]; readonly remove: readonly Prefix[] }): void {
    for (const subnet of remove) this.#forget(subnet);
    for (const peer of put) {
      this.#forget(peer.subnet);
      this.#bySubnet.set(peer.subnet, peer);
      this.#subnets.put(peer.subnet, peer.slot);
      const endpoint = hostPrefix(peer.endpoint);
      const sharing = this.#byEndpoint.get(endpoint) ?? new Set();
      this.#byEndpoint.set(endpoint, sharing.add(peer.slot));
      this.#endpoints.put(endpoint, peer.slot);
      writeSockaddr({ address: peer.endpoint, port: peer.port }, this.#arena.bytes, this.#sockaddrOf(peer.slot));
    }
    this.#lastSlot = -1;
  }

  #forget(subnet: Prefix): void {
    const peer = this.#bySubnet.get(subnet);
    if (peer === undefined) return;
    this.#bySubnet.delete(subnet);
    this.#subnets.remove(subnet);
    const endpoint = hostPrefix(peer.endpoint);
    const sharing = this.#byEndpoint.get(endpoint);
    sharing?.delete(peer.slot);
    const [other] = sharing ?? [];
    if (other !== undefined) this.#endpoints.put(endpoint, other);
    else {
      this.#byEndpoint.delete(endpoint);
      this.#endpoints.remove(endpoint);
    }
  }

  /** The peer whose subnet the address at `offset` lies in; -1 when there is none. */
  find(offset: number, family: number): number {
    const { view } = this.#arena;
    if (family === 6) return this.#subnets.find6(view, offset);
    const address = view.getInt32(offset);
    if (address === this.#lastAddress && this.#lastSlot >= 0) return this.#lastSlot;
    const slot = this.#subnets.find4(address);
    this.#lastAddress = address;
    this.#lastSlot = slot;
    return slot;
  }

  /** Some peer that sends from the socket address at `offset`; -1 when none does. */
  findEndpoint(offset: number): number {
    const { view } = this.#arena;
    return view.getUint16(offset, true) === AF_INET
      ? this.#endpoints.find4(view.getInt32(offset + 4))
      : this.#endpoints.find6(view, offset + 8);
  }

  /** Whether the socket address at `offset` has the address of the peer; its port may be another one behind NAT. */
  isEndpoint(slot: number, offset: number): boolean {
    const { view } = this.#arena;
    const own = this.#sockaddrOf(slot);
    if (view.getUint16(own, true) !== view.getUint16(offset, true)) return false;
    if (view.getUint16(own, true) === AF_INET) return view.getInt32(own + 4) === view.getInt32(offset + 4);
    for (let word = 8; word < 24; word += 4)
      if (view.getInt32(own + word) !== view.getInt32(offset + word)) return false;
    return true;
  }

  /** The family of the socket that reaches the peer. */
  familyOf(slot: number): 4 | 6 {
    return this.#arena.view.getUint16(this.#sockaddrOf(slot), true) === AF_INET ? 4 : 6;
  }

  /** Addresses a `struct mmsghdr` to the peer. */
  address(message: number, slot: number): void {
    const { view } = this.#arena;
    setPointer(this.#arena, message + MMSGHDR.name, this.#sockaddrOf(slot));
    view.setUint32(message + MMSGHDR.nameLength, this.familyOf(slot) === 4 ? 16 : SOCKADDR_BYTES, true);
  }

  #sockaddrOf(slot: number): number {
    return this.#sockaddrs + SOCKADDR_STRIDE * slot;
  }
}

const AF_INET = 2;
