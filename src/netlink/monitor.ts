import { SysError } from '../sys/ffi.js';
import { type Watch, watch } from '../sys/poller.js';
import { attachFilter, type FilterInstruction } from '../sys/socket-filter.js';
import { NETLINK_ADD_MEMBERSHIP, openSocket, RECEIVE_BYTES, receive, send, setNetlinkOption } from './socket.js';
import { NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, NLMSG_HEADER_BYTES, NLMSG_NOOP } from './wire/constants.js';
import { eachMessage, type Message } from './wire/frame.js';

/** About ten thousand events (twice that when forced) while the event loop does something else. */
const RECEIVE_BUFFER_BYTES = 8 * 1_048_576;
const DATAGRAMS_PER_TURN = 256;

export interface MonitorOptions {
  /** Name or path; the own namespace when absent. */
  readonly netns?: string | undefined;
  /** NETLINK_*; NETLINK_ROUTE when absent. */
  readonly protocol?: number | undefined;
  /** RTNLGRP_* or what the protocol has instead. */
  readonly groups: readonly number[];
  /** The message is only valid until this returns. */
  readonly onMessage: (message: Message) => void;
  /** Messages were lost: everything known may be out of date. */
  readonly onOverrun: () => void;
  /** What `onMessage` threw, or the socket. The monitor goes on. */
  readonly onError: (error: unknown) => void;
  /** Sockets whose changes are not news: one's own. Looked at for every message, so it may change. */
  readonly ignorePortIds?: { has(portId: number): boolean } | undefined;
  /** One more such socket, known for good: the kernel does not even deliver what that one causes. */
  readonly deafTo?: number | undefined;
  /** Asked for; without CAP_NET_ADMIN the kernel allows net.core.rmem_max. */
  readonly receiveBufferBytes?: number | undefined;
}

/** Hears what changes in the kernel. Needs no privilege. Never the same socket as the one that makes changes. */
export class MonitorSocket {
  readonly portId: number;
  readonly #watch: Watch;
  readonly #received = new Uint8Array(RECEIVE_BYTES);
  readonly #options: MonitorOptions;
  readonly #fd: number;
  #closed = false;
  readonly #echoes = new Set<() => void>();

  private constructor(options: MonitorOptions) {
    const socket = openSocket({
      netns: options.netns,
      protocol: options.protocol,
      receiveBufferBytes: options.receiveBufferBytes ?? RECEIVE_BUFFER_BYTES,
    });
    this.#options = options;
    this.#fd = socket.fd;
    this.portId = socket.portId;
    this.#watch = watch({ fd: socket.fd, onReadable: () => this.#read(), onError: options.onError });
    try {
      if (options.deafTo !== undefined) tryToFilter(socket.fd, options.deafTo);
      for (const group of options.groups) setNetlinkOption(socket.fd, NETLINK_ADD_MEMBERSHIP, group);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Subscribed when it returns: a later change is told. @throws {FlanError} E_NETNS, E_NETLINK, E_SYSTEM */
  static open(options: MonitorOptions): MonitorSocket {
    return new MonitorSocket(options);
  }

  /** Nothing is told after this. Safe to call twice, and from the callbacks. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
  }

  /**
   * Resolves when the kernel's answer to a request for nothing came in the way that events do; never when none does, or
   * when this is closed.
   * @throws {SysError}
   */
  echo(): Promise<void> {
    // The number of a descriptor that was closed may be somebody else's by now.
    if (this.#closed) return new Promise(() => {});
    const header = new Uint8Array(NLMSG_HEADER_BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(0, header.length, true);
    view.setUint16(4, NLMSG_NOOP, true);
    view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK, true);
    return new Promise((resolve) => {
      this.#echoes.add(resolve);
      send(this.#fd, header, header.length);
    });
  }

  /** Lets the process end although this is open. */
  unref(): void {
    this.#watch.unref();
  }

  /** The rest comes on the next turn: polling is level-triggered, and others want a turn too. */
  #read(): void {
    for (let i = 0; i < DATAGRAMS_PER_TURN && !this.#closed; i++) {
      const count = receive(this.#fd, this.#received);
      if (count === 'empty') return;
      if (count === 'lost') this.#options.onOverrun();
      else this.#tell(count);
    }
  }

  #tell(count: number): void {
    try {
      eachMessage(this.#received, count, (message) => {
        if (this.#closed) return 'stop';
        if (message.type === NLMSG_ERROR) {
          for (const heard of this.#echoes) heard();
          this.#echoes.clear();
          return;
        }
        const { ignorePortIds, deafTo } = this.#options;
        if (message.portId === deafTo || ignorePortIds?.has(message.portId) === true) return;
        try {
          this.#options.onMessage(message);
        } catch (error) {
          this.#options.onError(error); // the datagram's other messages are still news
        }
      });
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

/** struct nlmsghdr has nlmsg_pid at byte 12. A filter loads words as if they were in network order. */
const NLMSG_PID_AT = 12;
const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
const WHOLE = 0xffffffff;

/** Where that is forbidden, or the kernel has none of it, messages are told apart once they have come. */
function tryToFilter(fd: number, portId: number): void {
  try {
    attachFilter(fd, allBut(portId));
  } catch (cause) {
    if (!(cause instanceof SysError)) throw cause;
  }
}

/** Accepts whatever one socket did not cause. Notifications come one to a datagram. */
const allBut = (portId: number): readonly FilterInstruction[] => [
  { code: LOAD_WORD, operand: NLMSG_PID_AT },
  { code: JUMP_IF_EQUAL, jumpFalse: 1, operand: swapped(portId) },
  { code: RETURN, operand: 0 },
  { code: RETURN, operand: WHOLE },
];

function swapped(word: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, word, true);
  return view.getUint32(0, false);
}
