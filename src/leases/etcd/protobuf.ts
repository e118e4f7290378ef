import { FlanError } from '../../errors.js';

/**
 * The part of protobuf's wire format that etcd's messages use, as tables: each row of a message encodes and decodes
 * itself, and the TypeScript type follows. @see protobuf.dev/programming-guides/encoding
 */
export interface Message<T, I> {
  readonly name: string;
  /** Writes every field that is given, defaults too: inside a `oneof` a zero says more than an absent field. */
  encode(value: I): Uint8Array;
  /** Fields that are not in the table are skipped, absent ones get their proto3 default. @throws {FlanError} E_STORE_PROTOCOL */
  decode(bytes: Uint8Array): T;
}

/** One row: `T` comes out of decoding, `I` goes into encoding. */
export interface Field<T, I = T> {
  readonly id: number;
  readonly wire: Wire;
  initial(): T;
  read(input: Input, before: T): T;
  write(output: Output, value: I): void;
}

type Wire = 0 | 2; // VARINT, LEN
type Fields = Readonly<Record<string, Field<unknown, never>>>;
type DecodedOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T, never> ? T : never };
type InputOf<F extends Fields> = { readonly [K in keyof F]?: F[K] extends Field<unknown, infer I> ? I : never };

export function message<F extends Fields>(name: string, fields: F): Message<DecodedOf<F>, InputOf<F>> {
  const rows = Object.entries(fields);
  const byId = new Map(rows.map((row) => [row[1].id, row]));
  return {
    name,
    encode(value) {
      const output = newOutput();
      for (const [key, field] of rows) {
        const part = value[key];
        if (part !== undefined) (field as Field<unknown, unknown>).write(output, part);
      }
      return output.bytes();
    },
    decode(bytes) {
      const input: Input = { bytes, at: 0, end: bytes.length, where: name };
      const decoded: Record<string, unknown> = {};
      for (const [key, field] of rows) decoded[key] = field.initial();
      while (input.at < input.end) {
        input.where = name;
        const tag = readNumber(input);
        const wire = tag % 8;
        const row = byId.get((tag - wire) / 8);
        if (row === undefined) skip(input, wire);
        else {
          const [key, field] = row;
          input.where = `${name}.${key}`;
          if (wire !== field.wire) throw malformed(input, `wire type ${wire} instead of ${field.wire}`);
          decoded[key] = field.read(input, decoded[key]);
        }
      }
      return decoded as DecodedOf<F>;
    },
  };
}

export type Decoded<M> = M extends Message<infer T, never> ? T : never;

/** A 64-bit number that is known to stay below 2^53: revisions, counts, seconds. */
export const int = (id: number): Field<number> => ({
  id,
  wire: 0,
  initial: () => 0,
  read: readNumber,
  write: (output, value) => {
    output.varint(id * 8);
    output.varint(value < 0 ? BigInt.asUintN(64, BigInt(value)) : value);
  },
});

/** A 64-bit identifier, all bits used: lease, member and cluster ids. */
export const id64 = (id: number): Field<bigint> => ({
  id,
  wire: 0,
  initial: () => 0n,
  read: (input) => BigInt.asIntN(64, readBigInt(input)),
  write: (output, value) => {
    output.varint(id * 8);
    output.varint(BigInt.asUintN(64, value));
  },
});

export const bool = (id: number): Field<boolean> => ({
  id,
  wire: 0,
  initial: () => false,
  read: (input) => readBigInt(input) !== 0n,
  write: (output, value) => {
    output.varint(id * 8);
    output.varint(value ? 1 : 0);
  },
});

export const bytes = (id: number): Field<Uint8Array> => ({
  id,
  wire: 2,
  initial: () => EMPTY,
  read: readBytes,
  write: (output, value) => output.chunk(id, value),
});

export const string = (id: number): Field<string> => ({
  id,
  wire: 2,
  initial: () => '',
  read: (input) => utf8.decode(readBytes(input)),
  write: (output, value) => output.chunk(id, new TextEncoder().encode(value)),
});

export const sub = <T, I>(id: number, inner: Message<T, I>): Field<T | undefined, I> => ({
  id,
  wire: 2,
  initial: () => undefined,
  read: (input) => inner.decode(readBytes(input)),
  write: (output, value) => output.chunk(id, inner.encode(value)),
});

export const repeated = <T, I>(id: number, inner: Message<T, I>): Field<readonly T[], readonly I[]> => ({
  id,
  wire: 2,
  initial: () => [],
  read: (input, before) => {
    (before as T[]).push(inner.decode(readBytes(input)));
    return before;
  },
  write: (output, values) => {
    for (const value of values) output.chunk(id, inner.encode(value));
  },
});

const EMPTY = new Uint8Array(0);
const utf8 = new TextDecoder();

/** Where decoding stands; `where` names the field for errors. */
interface Input {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  where: string;
}

const malformed = (input: Input, what: string): FlanError =>
  new FlanError('E_STORE_PROTOCOL', `etcd sent a malformed message: ${input.where} at byte ${input.at}: ${what}`, {
    hint: 'check that the endpoint is an etcd v3 server and that nothing between changes its answers',
    retry: true,
  });

function readNumber(input: Input): number {
  const start = input.at;
  let value = 0;
  for (let scale = 1; scale < 2 ** 49; scale *= 128) {
    const byte = input.bytes[input.at];
    if (byte === undefined) throw malformed(input, 'cut short');
    input.at++;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  input.at = start;
  const wide = Number(BigInt.asIntN(64, readBigInt(input)));
  if (!Number.isSafeInteger(wide)) throw malformed(input, 'a number that does not fit 53 bits');
  return wide;
}

function readBigInt(input: Input): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = input.bytes[input.at];
    if (byte === undefined) throw malformed(input, 'cut short');
    input.at++;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return BigInt.asUintN(64, value);
  }
  throw malformed(input, 'a varint of more than ten bytes');
}

/** A view, not a copy: what decoding returns lives as long as the received message. */
function readBytes(input: Input): Uint8Array {
  const length = readNumber(input);
  if (length < 0 || length > input.end - input.at) throw malformed(input, `${length} bytes announced, fewer left`);
  input.at += length;
  return input.bytes.subarray(input.at - length, input.at);
}

function skip(input: Input, wire: number): void {
  if (wire === 0) readBigInt(input);
  else if (wire === 2) readBytes(input);
  else if (wire === 1 || wire === 5) {
    input.at += wire === 1 ? 8 : 4;
    if (input.at > input.end) throw malformed(input, 'cut short');
  } else throw malformed(input, `wire type ${wire}`);
}

interface Output {
  varint(value: number | bigint): void;
  chunk(id: number, value: Uint8Array): void;
  bytes(): Uint8Array;
}

function newOutput(): Output {
  let buffer = new Uint8Array(128);
  let length = 0;
  const reserve = (count: number): void => {
    if (length + count <= buffer.length) return;
    const grown = new Uint8Array(Math.max(buffer.length * 2, length + count));
    grown.set(buffer.subarray(0, length));
    buffer = grown;
  };
  const varint = (value: number | bigint): void => {
    reserve(10);
    let rest = BigInt(value);
    while (rest > 127n) {
      buffer[length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    buffer[length++] = Number(rest);
  };
  return {
    varint,
    chunk(id, value) {
      varint(id * 8 + 2);
      varint(value.length);
      reserve(value.length);
      buffer.set(value, length);
      length += value.length;
    },
    bytes: () => buffer.subarray(0, length),
  };
}
