import { FlanError } from '../../errors.js';

/** A message of VICI: text, lists of text and sections by name. */
export interface ViciMessage {
  readonly [name: string]: string | readonly string[] | ViciMessage;
}

/** @see strongSwan, src/libcharon/plugins/vici/README.md, "Message encoding" */
const ELEMENT = { sectionStart: 1, sectionEnd: 2, keyValue: 3, listStart: 4, listItem: 5, listEnd: 6 } as const;

const MAX_NAME_BYTES = 0xff;
const MAX_VALUE_BYTES = 0xffff;
/** Deeper than any message of charon's; keeps what decodes from exhausting the stack. */
const MAX_DEPTH = 32;

/** @throws {FlanError} E_DECODE for a name or value that does not fit */
export function encodeMessage(message: ViciMessage): Uint8Array {
  const parts: Uint8Array[] = [];
  write(message, parts);
  return Buffer.concat(parts);
}

function write(message: ViciMessage, parts: Uint8Array[]): void {
  for (const [name, value] of Object.entries(message)) {
    if (typeof value === 'string') {
      parts.push(named(ELEMENT.keyValue, name), sized(value));
    } else if (isList(value)) {
      parts.push(named(ELEMENT.listStart, name));
      for (const item of value) parts.push(Uint8Array.of(ELEMENT.listItem), sized(item));
      parts.push(Uint8Array.of(ELEMENT.listEnd));
    } else {
      parts.push(named(ELEMENT.sectionStart, name));
      write(value, parts);
      parts.push(Uint8Array.of(ELEMENT.sectionEnd));
    }
  }
}

const isList = (value: ViciMessage[string]): value is readonly string[] => Array.isArray(value);

function named(element: number, name: string): Uint8Array {
  const bytes = Buffer.from(name);
  if (bytes.length > MAX_NAME_BYTES) throw malformed(`a name of ${bytes.length} bytes does not fit`);
  return Buffer.concat([Uint8Array.of(element, bytes.length), bytes]);
}

function sized(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  if (bytes.length > MAX_VALUE_BYTES) throw malformed(`a value of ${bytes.length} bytes does not fit`);
  return Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/** @throws {FlanError} E_DECODE, and nothing else whatever the bytes */
export function decodeMessage(bytes: Uint8Array): ViciMessage {
  const reader = readerOf(bytes);
  const message = readSection(reader, 0);
  return message;
}

interface Reader {
  isAtEnd(): boolean;
  byte(): number;
  text(lengthBytes: 1 | 2): string;
  fail(problem: string): FlanError;
}

function readSection(reader: Reader, depth: number): ViciMessage {
  if (depth > MAX_DEPTH) throw reader.fail('sections are nested too deeply');
  // Without a prototype: a name may be any text.
  const section: Record<string, ViciMessage[string]> = Object.create(null);
  for (;;) {
    if (reader.isAtEnd()) {
      if (depth > 0) throw reader.fail('a section does not end');
      return section;
    }
    const element = reader.byte();
    if (element === ELEMENT.sectionEnd && depth > 0) return section;
    if (element !== ELEMENT.keyValue && element !== ELEMENT.listStart && element !== ELEMENT.sectionStart) {
      throw reader.fail(`element ${element} is out of place`);
    }
    const name = reader.text(1);
    if (name in section) throw reader.fail('a name stands twice in one section');
    if (element === ELEMENT.keyValue) section[name] = reader.text(2);
    else section[name] = element === ELEMENT.listStart ? readList(reader) : readSection(reader, depth + 1);
  }
}

function readList(reader: Reader): readonly string[] {
  const items: string[] = [];
  for (;;) {
    const element = reader.byte();
    if (element === ELEMENT.listEnd) return items;
    if (element !== ELEMENT.listItem) throw reader.fail(`element ${element} is out of place in a list`);
    items.push(reader.text(2));
  }
}

function readerOf(bytes: Uint8Array): Reader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  const fail = (problem: string): FlanError => malformed(`${problem} (byte ${offset} of ${buffer.length})`);
  const take = (length: number): Buffer => {
    if (offset + length > buffer.length) throw fail('it ends too early');
    offset += length;
    return buffer.subarray(offset - length, offset);
  };
  return {
    fail,
    isAtEnd: () => offset === buffer.length,
    byte: () => take(1).readUInt8(),
    text: (lengthBytes) => take(take(lengthBytes).readUIntBE(0, lengthBytes)).toString('utf8'),
  };
}

const malformed = (problem: string): FlanError =>
  new FlanError('E_DECODE', `a message of VICI is malformed: ${problem}`);

/** A text of a message; empty when there is none of that name. */
export function textIn(message: ViciMessage, name: string): string {
  const value = message[name];
  return typeof value === 'string' ? value : '';
}

/** A list of a message; empty when there is none of that name. */
export function listIn(message: ViciMessage, name: string): readonly string[] {
  const value = message[name];
  return value !== undefined && isList(value as ViciMessage[string]) ? (value as readonly string[]) : [];
}

/** The sections of a message, by name. */
export const sectionsIn = (message: ViciMessage): readonly (readonly [name: string, section: ViciMessage])[] =>
  Object.entries(message).flatMap(([name, value]) =>
    typeof value === 'object' && !isList(value) ? [[name, value] as const] : [],
  );
