import { type Address, addressOf, hostPrefix, lengthOf, makePrefix, type Prefix } from './ip.js';

interface Entry<T> {
  readonly prefix: Prefix;
  readonly item: T;
}

/**
 * Finds what overlaps a prefix among many, in time that depends on how many lengths are in use and on what is found,
 * not on how many prefixes there are.
 */
export class PrefixIndex<T> {
  readonly #entries = new Map<Prefix, Map<T, Entry<T>>>();
  /** By every ancestor whose length is in use, the entry's own prefix included: what lies inside a prefix. */
  readonly #inside = new Map<Prefix, Set<Entry<T>>>();
  /** Per family, the lengths in use. They stay, so a length costs its sweep over all entries only once. */
  readonly #lengths = { v4: new Set<number>(), v6: new Set<number>() };

  add(prefix: Prefix, item: T): void {
    this.#prepare(prefix);
    const same = this.#entries.get(prefix);
    if (same?.has(item)) return;
    const entry = { prefix, item };
    if (same === undefined) this.#entries.set(prefix, new Map([[item, entry]]));
    else same.set(item, entry);
    for (const length of this.#lengthsUpTo(prefix)) this.#file(entry, length);
  }

  remove(prefix: Prefix, item: T): void {
    const same = this.#entries.get(prefix);
    const entry = same?.get(item);
    if (same === undefined || entry === undefined) return;
    same.delete(item);
    if (same.size === 0) this.#entries.delete(prefix);
    for (const length of this.#lengthsUpTo(prefix)) {
      const at = ancestor(prefix, length);
      const bucket = this.#inside.get(at);
      bucket?.delete(entry);
      if (bucket?.size === 0) this.#inside.delete(at);
    }
  }

  /** Every item with a prefix that contains `prefix` or lies inside it; an item may come once per prefix it has. */
  *overlapping(prefix: Prefix): Generator<T> {
    this.#prepare(prefix);
    const own = lengthOf(prefix);
    for (const length of this.#lengthsUpTo(prefix)) {
      if (length < own) yield* this.#entries.get(ancestor(prefix, length))?.keys() ?? [];
    }
    for (const { item } of this.#inside.get(prefix) ?? []) yield item;
  }

  /** Every item with a prefix that the address lies in. */
  covering(address: Address): Generator<T> {
    return this.overlapping(hostPrefix(address));
  }

  #lengthsUpTo(prefix: Prefix): number[] {
    const own = lengthOf(prefix);
    return [...this.#known(prefix)].filter((length) => length <= own);
  }

  #known(prefix: Prefix): Set<number> {
    return prefix.includes(':') ? this.#lengths.v6 : this.#lengths.v4;
  }

  #prepare(prefix: Prefix): void {
    const length = lengthOf(prefix);
    const known = this.#known(prefix);
    if (known.has(length)) return;
    known.add(length);
    for (const same of this.#entries.values()) {
      for (const entry of same.values()) {
        if (this.#known(entry.prefix) === known && lengthOf(entry.prefix) >= length) this.#file(entry, length);
      }
    }
  }

  #file(entry: Entry<T>, length: number): void {
    const at = ancestor(entry.prefix, length);
    const bucket = this.#inside.get(at);
    if (bucket === undefined) this.#inside.set(at, new Set([entry]));
    else bucket.add(entry);
  }
}

const ancestor = (prefix: Prefix, length: number): Prefix =>
  lengthOf(prefix) === length ? prefix : makePrefix(addressOf(prefix), length);
