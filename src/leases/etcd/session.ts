import { orAbort } from './abort.js';
import type { Connection } from './connection.js';
import { type EtcdUser, readPassword } from './credentials.js';
import { hasMeaning } from './failure.js';
import { AUTHENTICATE } from './proto.js';
import { unary } from './rpc.js';

/** The login of one client. etcd's simple tokens end after five minutes without use and at every server restart. */
export interface Session {
  /** Logs in unless somebody has; undefined when there is no user, or when the server has authentication off. */
  token(on: Connection, signal: AbortSignal): Promise<string | undefined>;
  /** The next call logs in again, unless somebody has done so since `token` was got. */
  forget(token: string | undefined): void;
}

export interface SessionOptions {
  readonly user: EtcdUser | undefined;
  readonly timeoutMs: number;
  /** Ends with the client. */
  readonly lifetime: AbortSignal;
}

export function session({ user, timeoutMs, lifetime }: SessionOptions): Session {
  if (user === undefined) return { token: async () => undefined, forget: () => {} };
  let login: Promise<string | undefined> | undefined;
  let current: string | undefined;

  const logIn = async (on: Connection): Promise<string | undefined> => {
    const request = { name: user.name, password: readPassword(user) };
    try {
      const answer = await unary(AUTHENTICATE, { on, request, signals: [lifetime], timeoutMs, user: user.name });
      current = answer.token;
      return answer.token;
    } catch (error) {
      login = undefined;
      if (hasMeaning(error, 'auth-off')) return undefined; // as etcd's own client does
      throw error;
    }
  };

  return {
    // Others may wait for the same login, so it does not end with the call that started it.
    token(on, signal) {
      login ??= logIn(on);
      return orAbort(login, signal);
    },
    forget(token) {
      if (token === current) login = undefined;
    },
  };
}
