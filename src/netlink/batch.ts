import { NLM_F_ACK } from './wire/constants.js';
import { type Request, writeRequest } from './wire/request.js';
import { Writer } from './wire/writer.js';

/** Few enough that all their errors fit the smallest receive buffer (256 messages), and enough for the full speed. */
export const BATCH_MESSAGES = 128;
/** Below the smallest usual send buffer (212 992 bytes). */
export const BATCH_BYTES = 131_072;

/** Requests turned into bytes once, to be sent any number of times. */
export interface Prepared {
  readonly chunks: readonly Chunk[];
  readonly count: number;
}

/** One datagram: messages with only the last one asking for an acknowledgement. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly count: number;
}

/**
 * Writes as many of `requests` from `first` on as make one datagram, and returns how many. The kernel answers every
 * request that fails whether it asks for it or not, so only the last one has to.
 */
export function writeChunk(writer: Writer, requests: readonly Request[], first: number): number {
  writer.reset();
  const limit = Math.min(requests.length, first + BATCH_MESSAGES);
  let count = 0;
  let lastStart = 0;
  for (let i = first; i < limit; i++) {
    const request = requests[i];
    if (request === undefined || (count > 0 && writer.length > BATCH_BYTES)) break;
    lastStart = writer.length;
    writeRequest(writer, request, 0);
    count++;
  }
  requireAck(writer.bytes, lastStart);
  return count;
}

function requireAck(bytes: Uint8Array, start: number): void {
  bytes[start + 6] = (bytes[start + 6] ?? 0) | NLM_F_ACK;
}

/** Numbers the messages of a datagram from `firstSeq` on. */
export function number(bytes: Uint8Array, end: number, firstSeq: number): void {
  let seq = firstSeq;
  for (let at = 0; at < end; seq++) {
    bytes[at + 8] = seq;
    bytes[at + 9] = seq >>> 8;
    bytes[at + 10] = seq >>> 16;
    bytes[at + 11] = seq >>> 24;
    const size = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    at += (size + 3) & ~3;
  }
}

/** Encodes requests once, for `CommandSocket.batchPrepared`. */
export function prepare(requests: readonly Request[]): Prepared {
  const writer = new Writer();
  const chunks: Chunk[] = [];
  for (let done = 0; done < requests.length; ) {
    const count = writeChunk(writer, requests, done);
    chunks.push({ bytes: writer.written().slice(), count });
    done += count;
  }
  return { chunks, count: requests.length };
}
