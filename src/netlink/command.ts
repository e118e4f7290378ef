import { FlanError } from '../errors.js';
import { libc } from '../sys/ffi.js';
import { waitReadable } from '../sys/wait.js';
import { number, type Prepared, writeChunk } from './batch.js';
import { NetlinkError, refusal } from './errors.js';
import {
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  openSocket,
  RECEIVE_BYTES,
  receive,
  send,
  setNetlinkOption,
} from './socket.js';
import { decodeAck } from './wire/ack.js';
import { NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP } from './wire/constants.js';
import { eachMessage, type Message } from './wire/frame.js';
import { type Request, writeRequest } from './wire/request.js';
import { Writer } from './wire/writer.js';

const RECEIVE_BUFFER_BYTES = 1_048_576;
const DUMP_ATTEMPTS = 10;
/** The kernel answers before `send` returns; it is late only when it is out of memory. */
const ANSWER_TIMEOUT_MS = 5_000;

/** How one request of a batch ended. 'unknown': the answer was lost, look again. */
export type BatchResult = undefined | NetlinkError | 'unknown';

export interface CommandSocketOptions {
  /** Name or path; the own namespace when absent. */
  readonly netns?: string | undefined;
  /** NETLINK_*; NETLINK_ROUTE when absent. */
  readonly protocol?: number | undefined;
  /** Room for answers: 832 bytes for each request of a batch that fails. */
  readonly receiveBufferBytes?: number | undefined;
}

/**
 * Asks and tells the kernel, synchronously: rtnetlink works inside send(2), so no answer needs an event loop. One
 * request at a time; 128 routes take about half a millisecond, so callers yield between slices of a long list.
 */
export class CommandSocket {
  readonly portId: number;
  readonly #fd: number;
  readonly #writer = new Writer();
  readonly #received = new Uint8Array(RECEIVE_BYTES);
  #nextSeq = 1;
  #closed = false;

  private constructor(socket: { readonly fd: number; readonly portId: number }) {
    this.#fd = socket.fd;
    this.portId = socket.portId;
  }

  /** Needs no privilege; what it is used for may. @throws {FlanError} E_NETNS, E_NETLINK */
  static open(options: CommandSocketOptions = {}): CommandSocket {
    const socket = openSocket({
      ...options,
      receiveBufferBytes: options.receiveBufferBytes ?? RECEIVE_BUFFER_BYTES,
    });
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      setNetlinkOption(socket.fd, option, 1);
    }
    return new CommandSocket(socket);
  }

  /**
   * Carries out requests in order, some hundred per system call, going on after failures. Result i is about request i.
   * @throws {FlanError} when nothing can be sent at all
   */
  batch(requests: readonly Request[]): BatchResult[] {
    const results = new Array<BatchResult>(requests.length).fill(undefined);
    for (let done = 0; done < requests.length; ) {
      const count = writeChunk(this.#writer, requests, done);
      this.#exchange({ bytes: this.#writer.bytes, length: this.#writer.length, count, results, first: done });
      done += count;
    }
    return results;
  }

  /** The same for requests that were turned into bytes before. Their sequence numbers are overwritten. */
  batchPrepared(prepared: Prepared): BatchResult[] {
    const results = new Array<BatchResult>(prepared.count).fill(undefined);
    let first = 0;
    for (const { bytes, count } of prepared.chunks) {
      this.#exchange({ bytes, length: bytes.length, count, results, first });
      first += count;
    }
    return results;
  }

  /** One request. @throws {FlanError} E_NETLINK or E_PERMISSION with the kernel's reason */
  perform(request: Request): void {
    const [result] = this.batch([request]);
    if (result === 'unknown') throw lost(request);
    if (result !== undefined) throw refusal(request, result);
  }

  /**
   * Asks for one object. @returns what `decode` makes of the answer, or the kernel's refusal (ENODEV, ENETUNREACH, …)
   * @throws {FlanError} when there is no answer
   */
  tryGet<T extends object>(request: Request, decode: (message: Message) => T): T | NetlinkError {
    const seq = this.#takeSeqs(1);
    this.#write(request, 0, seq);
    let answer: T | NetlinkError | undefined;
    while (answer === undefined) {
      if (
        this.#next((message) => {
          if (message.seq !== seq || answer !== undefined) return;
          answer = message.type === NLMSG_ERROR ? new NetlinkError(decodeAck(message)) : decode(message);
        }) === 'lost'
      )
        throw lost(request);
    }
    return answer;
  }

  /** As `tryGet`. @throws {FlanError} E_NETLINK or E_PERMISSION for a refusal */
  get<T extends object>(request: Request, decode: (message: Message) => T): T {
    const answer = this.tryGet(request, decode);
    if (answer instanceof NetlinkError) throw refusal(request, answer);
    return answer;
  }

  /**
   * Reads a whole table. `decode` sees each message while it is in the receive buffer and returns undefined for what is
   * not wanted. A dump that the kernel marks as interrupted by changes starts again.
   * @throws {FlanError} E_NETLINK, E_PERMISSION, E_DUMP after ten interrupted ones
   */
  dump<T>(request: Request, decode: (message: Message) => T | undefined): T[] {
    const found = this.tryDump(request, decode);
    if (found instanceof NetlinkError) throw refusal(request, found);
    return found;
  }

  /** As `dump`, with the kernel's refusal (ENOENT for a table that does not exist) as a value. */
  tryDump<T>(request: Request, decode: (message: Message) => T | undefined): T[] | NetlinkError {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const found = this.#dumpOnce(request, decode);
      if (found !== 'interrupted') return found;
    }
    throw new FlanError('E_DUMP', `${request.describe ?? 'dump'}: changed ${DUMP_ATTEMPTS} times while being read`, {
      hint: 'Find out what keeps changing it (ip monitor).',
      retry: true,
    });
  }

  /** Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.#fd);
  }

  #dumpOnce<T>(request: Request, decode: (message: Message) => T | undefined): T[] | NetlinkError | 'interrupted' {
    const seq = this.#takeSeqs(1);
    this.#write(request, NLM_F_DUMP, seq);
    const found: T[] = [];
    let interrupted = false;
    let end: 'success' | NetlinkError | undefined;
    let failure: unknown;
    while (end === undefined) {
      const state = this.#next((message) => {
        if (message.seq !== seq) return;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
          const ack = decodeAck(message);
          end = ack.errno === 0 ? 'success' : new NetlinkError(ack);
        } else if (message.type !== NLMSG_NOOP && failure === undefined) {
          try {
            const value = decode(message);
            if (value !== undefined) found.push(value);
          } catch (error) {
            failure = error; // but read on: a dump that is left half read makes the next one fail with EBUSY
          }
        }
      });
      if (state === 'lost') interrupted = true;
    }
    if (failure !== undefined) throw failure;
    if (end !== 'success') return end;
    return interrupted ? 'interrupted' : found;
  }

  #exchange(chunk: {
    readonly bytes: Uint8Array;
    readonly length: number;
    readonly count: number;
    readonly results: BatchResult[];
    readonly first: number;
  }): void {
    const { bytes, length, count, results, first } = chunk;
    const seq = this.#takeSeqs(count);
    number(bytes, length, seq);
    this.#requireOpen();
    send(this.#fd, bytes, length);
    let acknowledged = false;
    while (!acknowledged) {
      const state = this.#next((message) => {
        const index = message.seq - seq;
        if (message.type !== NLMSG_ERROR || index < 0 || index >= count) return;
        const ack = decodeAck(message);
        if (ack.errno !== 0) results[first + index] = new NetlinkError(ack);
        if (index === count - 1) acknowledged = true;
      });
      if (state === 'lost') {
        // Which answers were lost nobody knows, so nothing is known about any of them.
        results.fill('unknown', first, first + count);
        this.#drain();
        return;
      }
    }
  }

  /** Reads one datagram, waiting for it if it must. */
  #next(visit: (message: Message) => void): 'read' | 'lost' {
    this.#requireOpen();
    for (;;) {
      const count = receive(this.#fd, this.#received);
      if (count === 'lost') return 'lost';
      if (count !== 'empty') {
        eachMessage(this.#received, count, visit);
        return 'read';
      }
      if (waitReadable(this.#fd, ANSWER_TIMEOUT_MS) === 'timeout') {
        throw new FlanError('E_NETLINK', `the kernel gave no answer within ${ANSWER_TIMEOUT_MS} ms`, { retry: true });
      }
    }
  }

  #drain(): void {
    while (receive(this.#fd, this.#received) !== 'empty');
  }

  #write(request: Request, extraFlags: number, seq: number): void {
    this.#requireOpen();
    this.#writer.reset();
    writeRequest(this.#writer, request, extraFlags);
    number(this.#writer.bytes, this.#writer.length, seq);
    send(this.#fd, this.#writer.bytes, this.#writer.length);
  }

  /** Numbers stay below 2³¹, so that one batch never wraps. */
  #takeSeqs(count: number): number {
    if (this.#nextSeq + count > 0x7fffffff) this.#nextSeq = 1;
    const seq = this.#nextSeq;
    this.#nextSeq += count;
    return seq;
  }

  #requireOpen(): void {
    // Otherwise another file that got the same descriptor would be written to.
    if (this.#closed) throw new FlanError('E_BUG', 'the netlink socket is closed');
  }
}

const lost = (request: Request): FlanError =>
  new FlanError('E_NETLINK', `${request.describe ?? 'netlink request'}: the kernel's answer was lost (ENOBUFS)`, {
    hint: 'Raise net.core.rmem_max.',
    retry: true,
  });
