import { addressOf, type Family, familyOf, lengthOf, type Prefix, writeAddress } from '../model/ip.js';

/** Prefixes of one family and length, by open addressing: keys are 32-bit words, one or four per prefix. */
interface Level {
  readonly length: number;
  readonly masks: Int32Array;
  readonly keys: Int32Array;
  /** -1: free. */
  readonly slots: Int32Array;
  readonly last: number;
}

const NONE = -1;

/**
 * Finds the slot of the longest prefix that an address lies in. Changing it costs a rebuild, so changes come in lots;
 * looking up makes no object.
 */
export class PrefixTable {
  readonly #entries = new Map<Prefix, number>();
  #levels4: readonly Level[] = [];
  #levels6: readonly Level[] = [];

  get size(): number {
    return this.#entries.size;
  }

  slotOf(prefix: Prefix): number | undefined {
    return this.#entries.get(prefix);
  }

  change({
    put,
    remove,
  }: {
    readonly put: Iterable<readonly [Prefix, number]>;
    readonly remove: Iterable<Prefix>;
  }): void {
    for (const prefix of remove) this.#entries.delete(prefix);
    for (const [prefix, slot] of put) this.#entries.set(prefix, slot);
    this.#levels4 = levelsOf(this.#entries, 4);
    this.#levels6 = levelsOf(this.#entries, 6);
  }

  /** @returns -1 when there is none; `address` is the 32 bits in the order of the wire */
  find4(address: number): number {
    for (const { masks, keys, slots, last } of this.#levels4) {
      const key = address & (masks[0] ?? 0);
      for (let at = hash(key) & last; (slots[at] ?? NONE) !== NONE; at = (at + 1) & last) {
        if (keys[at] === key) return slots[at] ?? NONE;
      }
    }
    return NONE;
  }

  /** As `find4`, for the 16 bytes at `offset`. */
  find6(view: DataView, offset: number): number {
    const [w0, w1] = [view.getInt32(offset), view.getInt32(offset + 4)];
    const [w2, w3] = [view.getInt32(offset + 8), view.getInt32(offset + 12)];
    for (const { masks, keys, slots, last } of this.#levels6) {
      const k0 = w0 & (masks[0] ?? 0);
      const k1 = w1 & (masks[1] ?? 0);
      const k2 = w2 & (masks[2] ?? 0);
      const k3 = w3 & (masks[3] ?? 0);
      for (let at = hash6(k0, k1, k2, k3) & last; (slots[at] ?? NONE) !== NONE; at = (at + 1) & last) {
        const key = at * 4;
        if (keys[key] === k0 && keys[key + 1] === k1 && keys[key + 2] === k2 && keys[key + 3] === k3) {
          return slots[at] ?? NONE;
        }
      }
    }
    return NONE;
  }
}

/** Multiplication by the golden ratio spreads neighbours, which node subnets are. */
const hash = (key: number): number => {
  const mixed = Math.imul(key, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
};
const hash6 = (k0: number, k1: number, k2: number, k3: number): number => hash(hash(hash(hash(k0) ^ k1) ^ k2) ^ k3);

function levelsOf(entries: ReadonlyMap<Prefix, number>, family: Family): Level[] {
  const byLength = new Map<number, [Prefix, number][]>();
  for (const [prefix, slot] of entries) {
    if (familyOf(prefix) !== family) continue;
    const list = byLength.get(lengthOf(prefix));
    if (list === undefined) byLength.set(lengthOf(prefix), [[prefix, slot]]);
    else list.push([prefix, slot]);
  }
  return [...byLength].sort(([a], [b]) => b - a).map(([length, list]) => levelOf(length, list, family));
}

function levelOf(length: number, list: readonly (readonly [Prefix, number])[], family: Family): Level {
  const words = family === 4 ? 1 : 4;
  const capacity = 2 ** Math.ceil(Math.log2(2 * list.length + 1));
  const last = capacity - 1;
  const keys = new Int32Array(words * capacity);
  const slots = new Int32Array(capacity).fill(NONE);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [prefix, slot] of list) {
    writeAddress(addressOf(prefix), bytes, 0);
    const key = Array.from({ length: words }, (_, i) => view.getInt32(4 * i));
    const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = key;
    let at = (words === 1 ? hash(k0) : hash6(k0, k1, k2, k3)) & last;
    while (slots[at] !== NONE) at = (at + 1) & last;
    slots[at] = slot;
    keys.set(key, at * words);
  }
  return { length, masks: masksOf(length, words), keys, slots, last };
}

function masksOf(length: number, words: number): Int32Array {
  return Int32Array.from({ length: words }, (_, i) => {
    const bits = Math.min(32, Math.max(0, length - 32 * i));
    return bits === 0 ? 0 : -1 << (32 - bits);
  });
}
