import { type Address, addressFromBytes } from '../../model/ip.js';
import { type Mac, macFromBytes, macToBytes } from '../../model/mac.js';
import { type AttributeTable, type Codec, eachAttribute, type Row, type Rows, type Values } from './attributes.js';
import { textAt, u16At, u16beAt, u32At, u32beAt } from './bytes.js';

const exactly = (bytes: number) => (lengthBytes: number) => lengthBytes === bytes;

const row =
  <T>(codec: Codec<T>) =>
  (type: number): Row<T> => ({ type, codec });

export const u8 = row<number>({
  fits: exactly(1),
  read: (bytes, offset) => bytes[offset] ?? 0,
  write: (writer, type, value) => writer.u8(type, value),
});

/** A u8 that means yes or no. */
export const flag8 = row<boolean>({
  fits: exactly(1),
  read: (bytes, offset) => bytes[offset] !== 0,
  write: (writer, type, value) => writer.u8(type, value ? 1 : 0),
});

/** NLA_FLAG: the attribute is there or is not, and has no value. */
export const presence = row<true>({
  fits: exactly(0),
  read: () => true,
  write: (writer, type) => writer.flag(type),
});

export const u16 = row<number>({
  fits: exactly(2),
  read: u16At,
  write: (writer, type, value) => writer.u16(type, value),
});

/** Network order: ports and EtherTypes. */
export const u16be = row<number>({
  fits: exactly(2),
  read: u16beAt,
  write: (writer, type, value) => writer.u16be(type, value),
});

export const u32 = row<number>({
  fits: exactly(4),
  read: u32At,
  write: (writer, type, value) => writer.u32(type, value),
});

export const i32 = row<number>({
  fits: exactly(4),
  read: (bytes, offset) => u32At(bytes, offset) | 0,
  write: (writer, type, value) => writer.u32(type, value),
});

/** Network order. */
export const u32be = row<number>({
  fits: exactly(4),
  read: u32beAt,
  write: (writer, type, value) => writer.u32be(type, value),
});

const addressOfLength = (fits: (lengthBytes: number) => boolean): Codec<Address> => ({
  fits,
  read: (bytes, offset, lengthBytes) => addressFromBytes(bytes, offset, lengthBytes === 4 ? 4 : 6),
  write: (writer, type, value) => writer.address(type, value),
});
export const ipv4 = row(addressOfLength(exactly(4)));
export const ipv6 = row(addressOfLength(exactly(16)));
/** Of either family: the length tells. */
export const address = row(addressOfLength((length) => length === 4 || length === 16));

/** Six bytes; a hardware address of another length (a tunnel's is an IP address) is kept as unknown. */
export const mac = row<Mac>({
  fits: exactly(6),
  lenient: true,
  read: (bytes, offset) => macFromBytes(bytes.subarray(offset, offset + 6)),
  write: (writer, type, value) => writer.blob(type, macToBytes(value)),
});

export const string = row<string>({
  fits: () => true,
  read: textAt,
  write: (writer, type, value) => writer.text(type, value),
});

/** A structure that nobody here looks into. */
export const bytes = row<Uint8Array>({
  fits: () => true,
  read: (buffer, offset, lengthBytes) => buffer.slice(offset, offset + lengthBytes),
  write: (writer, type, value) => writer.blob(type, value),
});

/** An attribute whose value is attributes. */
export const nested = <R extends Rows>(type: number, table: AttributeTable<R>): Row<Values<R>> => ({
  type,
  codec: {
    fits: () => true,
    read: (buffer, offset, lengthBytes) => table.read(buffer, offset, lengthBytes),
    write: (writer, rawType, value) => {
      const start = writer.open(rawType);
      table.write(writer, value);
      writer.close(start);
    },
  },
});

/** An attribute whose value is a list: attributes numbered 0, 1, 2 …, each a nest of `table`. */
export const list = <R extends Rows>(type: number, table: AttributeTable<R>): Row<readonly Values<R>[]> => ({
  type,
  codec: {
    fits: () => true,
    read: (buffer, offset, lengthBytes) => {
      const items: Values<R>[] = [];
      eachAttribute({ table: table.name, bytes: buffer, offset, end: offset + lengthBytes }, (_, at, size) => {
        items.push(table.read(buffer, at, size));
      });
      return items;
    },
    write: (writer, rawType, items) => {
      const start = writer.open(rawType);
      for (const [index, item] of items.entries()) {
        const entry = writer.open(index | (rawType & 0x8000));
        table.write(writer, item);
        writer.close(entry);
      }
      writer.close(start);
    },
  },
});
