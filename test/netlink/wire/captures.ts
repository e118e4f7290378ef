import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DIR = new URL('../../captures/', import.meta.url);

/** The files of test/captures without their ending. */
export const captureNames = (): string[] =>
  readdirSync(fileURLToPath(DIR))
    .filter((name) => name.endsWith('.hex'))
    .map((name) => name.slice(0, -'.hex'.length));

/** The messages of one file, headers included. */
export const capture = (name: string): Uint8Array[] =>
  readFileSync(new URL(`${name}.hex`, DIR), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Uint8Array.from(Buffer.from(line, 'hex')));

/** Which nests are looked into: the attribute's number, and the same for what is inside. */
export interface Nests {
  readonly [type: number]: Nests;
}

/** The attributes of `bytes` by number, as hex: their order means nothing in netlink. */
export function sortedAttributes(bytes: Uint8Array, nests: Nests = {}): readonly unknown[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: { type: number; value: unknown }[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const [size, type] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    const value = bytes.subarray(at + 4, at + size);
    const inside = nests[type];
    found.push({ type, value: inside ? sortedAttributes(value, inside) : Buffer.from(value).toString('hex') });
    at += (size + 3) & ~3;
  }
  return found.sort((a, b) => a.type - b.type);
}
