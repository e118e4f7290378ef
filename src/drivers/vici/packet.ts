import { FlanError } from '../../errors.js';
import { decodeMessage, encodeMessage, type ViciMessage } from './message.js';

/** What travels in one segment. @see strongSwan, src/libcharon/plugins/vici/README.md, "Packet layer" */
export type ViciPacket =
  | { readonly type: 'request' | 'event'; readonly name: string; readonly message: ViciMessage }
  | { readonly type: 'register' | 'unregister'; readonly name: string }
  | { readonly type: 'response'; readonly message: ViciMessage }
  | { readonly type: 'unknown command' | 'confirm' | 'unknown event' };

type PacketType = ViciPacket['type'];

const TYPES: readonly PacketType[] = [
  'request',
  'response',
  'unknown command',
  'register',
  'unregister',
  'confirm',
  'unknown event',
  'event',
];

/** charon takes and sends no longer ones. */
export const MAX_PACKET_BYTES = 512 * 1024;

/** A packet with its length before it. @throws {FlanError} E_DECODE for what does not fit */
export function encodePacket(packet: ViciPacket): Uint8Array {
  const name = 'name' in packet ? Buffer.from(packet.name) : undefined;
  if (name !== undefined && name.length > 0xff) throw malformed(`a name of ${name.length} bytes does not fit`);
  const parts = [
    Uint8Array.of(TYPES.indexOf(packet.type)),
    ...(name === undefined ? [] : [Uint8Array.of(name.length), name]),
    ...('message' in packet ? [encodeMessage(packet.message)] : []),
  ];
  const body = Buffer.concat(parts);
  if (body.length > MAX_PACKET_BYTES) throw malformed(`a packet of ${body.length} bytes does not fit`);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

/** A packet without its length. @throws {FlanError} E_DECODE, and nothing else whatever the bytes */
export function decodePacket(bytes: Uint8Array): ViciPacket {
  const [code = 0xff, length = 0] = bytes;
  const type = TYPES[code];
  if (bytes.length === 0 || type === undefined) throw malformed(`there is no type ${code}`);
  switch (type) {
    case 'request':
    case 'event':
    case 'register':
    case 'unregister': {
      const end = 2 + length;
      if (bytes.length < end) throw malformed('it ends within its name');
      const name = Buffer.from(bytes.subarray(2, end)).toString('utf8');
      const rest = bytes.subarray(end);
      if (type === 'request' || type === 'event') return { type, name, message: decodeMessage(rest) };
      if (rest.length > 0) throw malformed(`${rest.length} bytes follow its name`);
      return { type, name };
    }
    case 'response':
      return { type, message: decodeMessage(bytes.subarray(1)) };
    default:
      if (bytes.length > 1) throw malformed(`${bytes.length - 1} bytes follow its type`);
      return { type };
  }
}

/** Puts packets together from what a stream brings, in whatever pieces. @throws {FlanError} E_DECODE */
export function packetAssembler(): (chunk: Uint8Array) => readonly ViciPacket[] {
  let pending = Buffer.alloc(0);
  return (chunk) => {
    pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
    const packets: ViciPacket[] = [];
    while (pending.length >= 4) {
      const length = pending.readUInt32BE();
      if (length > MAX_PACKET_BYTES) throw malformed(`it says that it has ${length} bytes`);
      if (pending.length < 4 + length) break;
      packets.push(decodePacket(pending.subarray(4, 4 + length)));
      pending = pending.subarray(4 + length);
    }
    return packets;
  };
}

const malformed = (problem: string): FlanError =>
  new FlanError('E_DECODE', `a packet of VICI is malformed: ${problem}`);
