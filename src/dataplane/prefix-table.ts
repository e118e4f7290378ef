import { addressOf, familyOf, lengthOf, type Prefix, writeAddress } from '../model/ip.js';

/** Prefixes of one family and length, by open addressing: keys are 32-bit words, one or four per prefix. */
interface Level {
  readonly length: number;
  readonly words: number;
  readonly masks: Int32Array;
  keys: Int32Array;
  /** A slot of the caller's, or one of the two below. */
  slots: Int32Array;
  /** Size of the table less one: a mask. */
  last: number;
  /** Places that are not free, removed ones included. */
  taken: number;
}

const FREE = -1;
/** Nobody's, but those that were put after it lie behind it. */
const REMOVED = -2;
const SMALLEST = 8;

/**
 * Finds the slot of the longest prefix that an address lies in. Looking up makes no object; a change costs what it
 * changes, but for a rebuild now and then.
 */
export class PrefixTable {
  readonly #entries = new Map<Prefix, number>();
  #levels4: readonly Level[] = [];
  #levels6: readonly Level[] = [];

  get size(): number {
    return this.#entries.size;
  }

  put(prefix: Prefix, slot: number): void {
    const level = this.#level(prefix) ?? this.#addLevel(prefix);
    const isNew = !this.#entries.has(prefix);
    this.#entries.set(prefix, slot);
    if (isNew && 2 * (level.taken + 1) > level.slots.length) this.#rebuild(level);
    else place(level, prefix, slot);
  }

  remove(prefix: Prefix): void {
    if (!this.#entries.delete(prefix)) return;
    const level = this.#level(prefix);
    if (level !== undefined) place(level, prefix, REMOVED);
  }

  /** @returns -1 when there is none; `address` is the 32 bits in the order of the wire */
  find4(address: number): number {
    for (const { masks, keys, slots, last } of this.#levels4) {
      const key = address & (masks[0] ?? 0);
      for (let at = hash(key) & last; (slots[at] ?? FREE) !== FREE; at = (at + 1) & last) {
        if (keys[at] === key && (slots[at] ?? FREE) >= 0) return slots[at] ?? FREE;
      }
    }
    return FREE;
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
      for (let at = hash6(k0, k1, k2, k3) & last; (slots[at] ?? FREE) !== FREE; at = (at + 1) & last) {
        const key = at * 4;
        const isKey = keys[key] === k0 && keys[key + 1] === k1 && keys[key + 2] === k2 && keys[key + 3] === k3;
        if (isKey && (slots[at] ?? FREE) >= 0) return slots[at] ?? FREE;
      }
    }
    return FREE;
  }

  #level(prefix: Prefix): Level | undefined {
    const levels = familyOf(prefix) === 4 ? this.#levels4 : this.#levels6;
    return levels.find(({ length }) => length === lengthOf(prefix));
  }

  #addLevel(prefix: Prefix): Level {
    const words = familyOf(prefix) === 4 ? 1 : 4;
    const length = lengthOf(prefix);
    const level: Level = { length, words, masks: masksOf(length, words), ...emptyTable(SMALLEST, words) };
    const sorted = (levels: readonly Level[]) => [...levels, level].sort((a, b) => b.length - a.length);
    if (words === 1) this.#levels4 = sorted(this.#levels4);
    else this.#levels6 = sorted(this.#levels6);
    return level;
  }

  #rebuild(level: Level): void {
    const family = level.words === 1 ? 4 : 6;
    const own = [...this.#entries].filter(
      ([prefix]) => lengthOf(prefix) === level.length && familyOf(prefix) === family,
    );
    Object.assign(level, emptyTable(Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(4 * own.length))), level.words));
    for (const [prefix, slot] of own) place(level, prefix, slot);
  }
}

/** Multiplication by the golden ratio spreads neighbours, which node subnets are. */
const hash = (key: number): number => {
  const mixed = Math.imul(key, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
};
const hash6 = (k0: number, k1: number, k2: number, k3: number): number => hash(hash(hash(hash(k0) ^ k1) ^ k2) ^ k3);

const emptyTable = (capacity: number, words: number): Pick<Level, 'keys' | 'slots' | 'last' | 'taken'> => ({
  keys: new Int32Array(words * capacity),
  slots: new Int32Array(capacity).fill(FREE),
  last: capacity - 1,
  taken: 0,
});

const scratch = new DataView(new ArrayBuffer(16));
const scratchBytes = new Uint8Array(scratch.buffer);

/** Sets the slot of a prefix where it lies already, or else in the first free place. */
function place(level: Level, prefix: Prefix, slot: number): void {
  const { words, keys, slots, last } = level;
  writeAddress(addressOf(prefix), scratchBytes, 0);
  const key = Array.from({ length: words }, (_, i) => scratch.getInt32(4 * i));
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = key;
  let at = (words === 1 ? hash(k0) : hash6(k0, k1, k2, k3)) & last;
  while (slots[at] !== FREE && key.some((word, i) => keys[at * words + i] !== word)) at = (at + 1) & last;
  if (slots[at] === FREE) level.taken++;
  slots[at] = slot;
  keys.set(key, at * words);
}

function masksOf(length: number, words: number): Int32Array {
  return Int32Array.from({ length: words }, (_, i) => {
    const bits = Math.min(32, Math.max(0, length - 32 * i));
    return bits === 0 ? 0 : -1 << (32 - bits);
  });
}
