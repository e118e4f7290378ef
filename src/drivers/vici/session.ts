import { isNobody, openVici, type ViciClient } from './client.js';

/** charon, wherever it listens, as often as it has to be found anew. */
export interface ViciSession {
  /** @throws {FlanError} E_CHARON when none answers, E_PERMISSION */
  open(): Promise<ViciClient>;
  /** The same, undefined when nobody listens. @throws {FlanError} E_CHARON when somebody does and does not answer, E_PERMISSION */
  find(): Promise<ViciClient | undefined>;
  /** Where the one listens that answered last. */
  readonly socket: string | undefined;
  /** Ends the conversation; another one begins when it is asked for. */
  close(): void;
}

/** @param sockets the places where it may listen, the likeliest first */
export function viciSession(sockets: readonly string[]): ViciSession {
  let current: Promise<ViciClient> | undefined;
  let socket: string | undefined;

  const openAny = async (): Promise<ViciClient> => {
    let first: unknown;
    for (const path of sockets) {
      try {
        const client = await openVici(path);
        socket = path;
        return client;
      } catch (cause) {
        if (!isNobody(cause)) throw cause;
        first ??= cause;
      }
    }
    throw first;
  };
  const open = (): Promise<ViciClient> => {
    const opening = current ?? openAny();
    current = opening;
    const forget = (): void => {
      if (current === opening) current = undefined;
    };
    opening.then(({ closed }) => closed.then(forget), forget);
    return opening;
  };

  return {
    open,
    find: async () => {
      try {
        return await open();
      } catch (cause) {
        if (isNobody(cause)) return undefined;
        throw cause;
      }
    },
    get socket() {
      return socket;
    },
    close: () => {
      current?.then(
        (client) => client.close(),
        () => undefined,
      );
      // At once: that it is over is told later.
      current = undefined;
    },
  };
}
