import { connect, type Socket } from 'node:net';
import { asFlanError, FlanError } from '../../errors.js';
import { textIn, type ViciMessage } from './message.js';
import { encodePacket, packetAssembler, type ViciPacket } from './packet.js';

/** A conversation with charon. Commands wait for each other: VICI answers one at a time, in order. */
export interface ViciClient {
  /** @throws {FlanError} E_CHARON when charon refuses it or goes away */
  request(name: string, message?: ViciMessage): Promise<ViciMessage>;
  /** A command that answers by events, one for each thing that it lists. @throws {FlanError} as `request` */
  list(name: string, event: string, message?: ViciMessage): Promise<readonly ViciMessage[]>;
  /** Has events told from now on. @throws {FlanError} as `request` */
  listen(events: readonly string[], tell: (name: string, message: ViciMessage) => void): Promise<void>;
  /** Resolves when the conversation is over, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

/**
 * charon answers at once; what takes longer (`initiate`) is asked for without waiting. Shorter than `flan status` waits
 * for a look at the host, so that it can say who was silent.
 */
const ANSWER_TIMEOUT_MS = 8_000;

interface Waiting {
  readonly resolve: (packet: ViciPacket) => void;
  readonly reject: (error: FlanError) => void;
}

/** @throws {FlanError} E_CHARON when nobody listens there (`isNobody`) or takes the call, E_PERMISSION */
export async function openVici(path: string): Promise<ViciClient> {
  const socket = await connected(path);
  const assemble = packetAssembler();
  const listeners = new Map<string, (message: ViciMessage) => void>();
  let waiting: Waiting | undefined;
  let over: FlanError | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const end = (error: FlanError): void => {
    over ??= error;
    waiting?.reject(over);
    waiting = undefined;
    socket.destroy();
  };
  const absorb = (packet: ViciPacket): void => {
    if (packet.type === 'event') listeners.get(packet.name)?.(packet.message);
    else if (waiting === undefined) end(gone(path, 'it answered what was not asked'));
    else {
      const { resolve } = waiting;
      waiting = undefined;
      resolve(packet);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const packet of assemble(chunk)) absorb(packet);
    } catch (cause) {
      end(gone(path, asFlanError(cause).message));
    }
  });
  socket.on('error', (cause: NodeJS.ErrnoException) => end(gone(path, cause.code ?? cause.message)));
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      end(gone(path, 'it ended the conversation'));
      resolve();
    });
  });

  /** Sends a packet and waits for the one that answers it. */
  const exchange = (packet: ViciPacket): Promise<ViciPacket> =>
    new Promise((resolve, reject) => {
      if (over !== undefined) return reject(over);
      // First of all: what does not fit is refused before anybody waits for an answer.
      const bytes = encodePacket(packet);
      const timer = setTimeout(() => {
        end(gone(path, `no answer within ${ANSWER_TIMEOUT_MS / 1000} s`));
      }, ANSWER_TIMEOUT_MS);
      const settled =
        <T>(act: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          act(value);
        };
      waiting = { resolve: settled(resolve), reject: settled(reject) };
      socket.write(bytes);
    });
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };
  const command = async (name: string, message: ViciMessage): Promise<ViciMessage> => {
    const answer = await exchange({ type: 'request', name, message });
    if (answer.type !== 'response') throw refused(name, 'it does not know the command');
    if (textIn(answer.message, 'success') === 'no') throw refused(name, textIn(answer.message, 'errmsg'));
    return answer.message;
  };
  const subscribe = async (type: 'register' | 'unregister', event: string): Promise<void> => {
    const answer = await exchange({ type, name: event });
    if (answer.type !== 'confirm') throw refused(`${type} ${event}`, 'it does not know the event');
  };

  return {
    closed,
    request: (name, message = {}) => inTurn(() => command(name, message)),
    list: (name, event, message = {}) =>
      inTurn(async () => {
        const found: ViciMessage[] = [];
        listeners.set(event, (one) => found.push(one));
        try {
          await subscribe('register', event);
          await command(name, message);
          await subscribe('unregister', event);
        } finally {
          listeners.delete(event);
        }
        return found;
      }),
    listen: (events, tell) =>
      inTurn(async () => {
        for (const event of events) {
          listeners.set(event, (message) => tell(event, message));
          await subscribe('register', event);
        }
      }),
    close: () => end(gone(path, 'it was closed')),
  };
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (cause: NodeJS.ErrnoException) => reject(notThere(path, cause)));
  });
}

function notThere(path: string, cause: NodeJS.ErrnoException): FlanError {
  const { code = cause.message } = cause;
  // Somebody listens, and has not taken those who came before.
  if (code === 'EAGAIN') return gone(path, 'it takes no more conversations');
  if (code === 'EACCES' || code === 'EPERM') {
    return new FlanError('E_PERMISSION', `${path}: ${code}`, { hint: 'Run as root.', cause });
  }
  const isUsual = code === 'ENOENT' || code === 'ECONNREFUSED';
  return new FlanError('E_CHARON', `no charon answers at ${path}${isUsual ? '' : ` (${code})`}`, {
    hint: 'Start strongSwan, or say with viciSocket where it listens; without viciSocket apply and watch start charon.',
    retry: true,
    cause,
  });
}

/** Whether it says that nobody listens there; and not that somebody does, who does not answer. */
export const isNobody = (cause: unknown): boolean =>
  cause instanceof FlanError && cause.code === 'E_CHARON' && cause.cause !== undefined;

const gone = (path: string, why: string): FlanError =>
  new FlanError('E_CHARON', `charon at ${path}: ${why}`, {
    hint: 'If this goes on, start that charon again; flan loads everything into it anew.',
    retry: true,
  });

/** charon's words never repeat what it was given. */
const refused = (command: string, why: string): FlanError =>
  new FlanError('E_CHARON', `charon refused ${command}: ${why || 'without a reason'}`, {
    hint: "Look at charon's log.",
  });
