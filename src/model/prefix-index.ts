import { type Address, addressOf, hostPrefix, lengthOf, makePrefix, type Prefix } from './ip.js';

const NOTHING: readonly never[] = [];

/** Without a new list where one of the two is empty, as nearly always. */
const joined = <T>(found: readonly T[], more: readonly T[] | undefined): readonly T[] =>
  more === undefined ? found : found.length === 0 ? more : [...found, ...more];

/**
 * Finds what overlaps a prefix among many, in time that depends on how many lengths are in use and on what is found,
 * not on how many prefixes there are. A prefix that nothing lies inside of costs one entry of one map.
 *
 * Every lease goes through here a few times when a process starts, before V8 has optimised it: so lengths are counted
 * through, as an iterator would make three objects for each walk.
 */
export class PrefixIndex<T> {
  readonly #items = new Map<Prefix, readonly T[]>();
  /** By every ancestor whose length is in use: the prefixes that lie inside it, itself left out. */
  readonly #inside = new Map<Prefix, Set<Prefix>>();
  /** Per family, the lengths in use. They stay, so a length costs its sweep over all entries only once. */
  readonly #lengths: { readonly v4: number[]; readonly v6: number[] } = { v4: [], v6: [] };

  add(prefix: Prefix, item: T): void {
    const own = this.#prepare(prefix);
    const same = this.#items.get(prefix);
    if (same === undefined) {
      this.#items.set(prefix, [item]);
      const lengths = this.#known(prefix);
      for (let i = 0; i < lengths.length; i++) {
        const length = lengths[i] ?? own;
        if (length < own) this.#file(prefix, length);
      }
    } else if (!same.includes(item)) this.#items.set(prefix, [...same, item]);
  }

  remove(prefix: Prefix, item: T): void {
    const rest = this.#items.get(prefix)?.filter((other) => other !== item);
    if (rest === undefined) return;
    if (rest.length > 0) {
      this.#items.set(prefix, rest);
      return;
    }
    this.#items.delete(prefix);
    const own = lengthOf(prefix);
    for (const length of this.#known(prefix)) {
      if (length >= own) continue;
      const at = makePrefix(addressOf(prefix), length);
      const bucket = this.#inside.get(at);
      bucket?.delete(prefix);
      if (bucket?.size === 0) this.#inside.delete(at);
    }
  }

  /** Every item with a prefix that contains `prefix` or lies inside it; an item may come once per prefix it has. */
  overlapping(prefix: Prefix): readonly T[] {
    const own = this.#prepare(prefix);
    let found: readonly T[] = NOTHING;
    const lengths = this.#known(prefix);
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i] ?? own;
      if (length < own) found = joined(found, this.#items.get(makePrefix(addressOf(prefix), length)));
    }
    found = joined(found, this.#items.get(prefix));
    const inside = this.#inside.get(prefix);
    if (inside !== undefined) found = found.concat(...Array.from(inside, (inner) => this.#items.get(inner) ?? []));
    return found;
  }

  /** Every item with a prefix that the address lies in. */
  covering(address: Address): readonly T[] {
    return this.overlapping(hostPrefix(address));
  }

  #known(prefix: Prefix): number[] {
    return prefix.includes(':') ? this.#lengths.v6 : this.#lengths.v4;
  }

  /** Sees to it that the prefix's length is in use, and returns it. */
  #prepare(prefix: Prefix): number {
    const length = lengthOf(prefix);
    const known = this.#known(prefix);
    if (known.includes(length)) return length;
    known.push(length);
    for (const other of this.#items.keys()) {
      if (this.#known(other) === known && lengthOf(other) > length) this.#file(other, length);
    }
    return length;
  }

  #file(prefix: Prefix, length: number): void {
    const at = makePrefix(addressOf(prefix), length);
    const bucket = this.#inside.get(at);
    if (bucket === undefined) this.#inside.set(at, new Set([prefix]));
    else bucket.add(prefix);
  }
}
