import { aligned, u16At } from './bytes.js';
import { NLA_TYPE_MASK } from './constants.js';
import { DecodeError } from './decode-error.js';
import type { Writer } from './writer.js';

/** An attribute that a table does not know, kept so that nothing is lost. `type` includes the NLA_F_ flags. */
export interface RawAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** How one attribute's value is read and written. */
export interface Codec<T> {
  /** Whether a value of this many bytes is one; what is not is an error. */
  fits(lengthBytes: number): boolean;
  read(bytes: Uint8Array, offset: number, lengthBytes: number): T;
  /** Writes header and value. */
  write(writer: Writer, type: number, value: T): void;
  /** Keeps values that do not fit as unknown attributes: hardware addresses differ in length by hardware. */
  readonly lenient?: boolean;
}

export interface Row<T> {
  /** The attribute's number; NLA_F_NESTED included where the kernel insists on it. */
  readonly type: number;
  readonly codec: Codec<T>;
}

export type Rows = Readonly<Record<string, Row<unknown>>>;

/** The value that a table stands for: every attribute may be absent. */
export type Values<R extends Rows> = {
  readonly [K in keyof R]?: (R[K] extends Row<infer T> ? T : never) | undefined;
} & { readonly unknown?: readonly RawAttribute[] | undefined };

export interface AttributeTable<R extends Rows> {
  readonly name: string;
  readonly rows: R;
  /** @throws {DecodeError} and nothing else. `length` bytes from `offset` are attributes. */
  read(bytes: Uint8Array, offset: number, length: number): Values<R>;
  /** In the order of the value's members, unknown attributes last. */
  write(writer: Writer, values: Values<R>): void;
}

export type Decoded<T> = T extends AttributeTable<infer R> ? Values<R> : never;

/** A message's attributes, written once: reads, writes and checks; the type follows. `name` is the kernel's prefix. */
export function attributes<const R extends Rows>(name: string, rows: R): AttributeTable<R> {
  const byType = new Map(Object.entries(rows).map(([key, row]) => [row.type & NLA_TYPE_MASK, { key, row }]));
  return {
    name,
    rows,
    read(bytes, offset, length) {
      const values: Record<string, unknown> = {};
      const unknown: RawAttribute[] = [];
      eachAttribute({ table: name, bytes, offset, end: offset + length }, (type, at, size) => {
        const known = byType.get(type & NLA_TYPE_MASK);
        if (known === undefined || Object.hasOwn(values, known.key)) {
          unknown.push({ type, value: bytes.slice(at, at + size) });
          return;
        }
        const { key, row } = known;
        if (row.codec.fits(size)) values[key] = row.codec.read(bytes, at, size);
        else if (row.codec.lenient) unknown.push({ type, value: bytes.slice(at, at + size) });
        else throw new DecodeError(`a value of ${size} bytes`, { table: name, attribute: key, offset: at });
      });
      if (unknown.length > 0) values.unknown = unknown;
      return values as Values<R>;
    },
    write(writer, values) {
      for (const [key, value] of Object.entries(values)) {
        if (value === undefined || key === 'unknown') continue;
        const row = rows[key];
        if (row !== undefined) row.codec.write(writer, row.type, value);
      }
      writeRaw(writer, values.unknown);
    },
  };
}

export interface AttributeSpan {
  readonly table: string;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly end: number;
}

/**
 * Visits attributes with their type (flags included), and where their value is.
 * @throws {DecodeError} for a length that does not fit
 */
export function eachAttribute(
  { table, bytes, offset, end }: AttributeSpan,
  visit: (type: number, valueOffset: number, valueBytes: number) => void,
): void {
  let at = offset;
  while (end - at >= 4) {
    const size = u16At(bytes, at);
    const type = u16At(bytes, at + 2);
    if (size < 4 || size > end - at) throw badLength({ table, type, size, left: end - at, offset: at });
    visit(type, at + 4, size - 4);
    at += aligned(size);
  }
}

export function badLength(at: {
  table: string;
  type: number;
  size: number;
  left: number;
  offset: number;
}): DecodeError {
  return new DecodeError(`length ${at.size} with ${at.left} bytes left`, {
    table: at.table,
    attribute: at.type & NLA_TYPE_MASK,
    offset: at.offset,
  });
}

export function writeRaw(writer: Writer, unknown: readonly RawAttribute[] | undefined): void {
  if (unknown === undefined) return;
  for (const { type, value } of unknown) writer.blob(type, value);
}
