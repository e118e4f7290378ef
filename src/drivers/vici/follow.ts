import { asFlanError } from '../../errors.js';
import { ikeDaemonKey } from '../../kinds/ike-daemon.js';
import { type IpsecConnection, ipsecConnectionKey } from '../../kinds/ipsec-connection.js';
import type { Key } from '../../planner/kind.js';
import type { Notice } from '../driver.js';
import { withoutAssociation } from './associations.js';
import type { ViciClient } from './client.js';
import { charonEars } from './ears.js';
import { hangWatch } from './hang.js';
import { listIn } from './message.js';
import type { ViciSession } from './session.js';
import { initiate, secretIds } from './steps.js';

/** What charon was last seen to hold of ours, by its own names. */
export interface Known {
  readonly connections: Map<string, IpsecConnection>;
  readonly secrets: Map<string, Key>;
}

export interface FollowerInit {
  readonly session: ViciSession;
  readonly known: Known;
  /** Kills a charon of ours that answers nothing. @returns its process id when it did */
  readonly killIfSilent: () => Promise<number | undefined>;
}

export interface FollowerStart {
  readonly tell: (notice: Notice) => void;
  readonly signal: AbortSignal;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface Follower {
  start(input: FollowerStart): Promise<void>;
  /** Something changed after which a connection may be without an SA that nobody else brings up. */
  checkSoon(): void;
}

/**
 * VICI tells of SAs that come and go, and not of connections or secrets: those are looked at once per second, or less
 * often where that would cost more than two per cent of the time.
 */
const LOOK_INTERVAL_MS = { least: 1_000, most: 30_000 };
const COST_FACTOR = 50;
/** The peer with the lower address starts; what it has not brought up by then is started from here. */
const CHECK_MS = { soon: 4_000, again: 10_000 };

/** Tells what becomes of our part of charon, and of charon; and starts SAs that nobody else starts. */
export function followCharon({ session, known, killIfSilent }: FollowerInit): Follower {
  let checkIn: (delayMs: number) => void = () => undefined;
  let isHere = true;

  const lose = (tell: (notice: Notice) => void): void => {
    if (!isHere) return;
    isHere = false;
    const keys = [...[...known.connections.values()].map(ipsecConnectionKey), ...known.secrets.values(), ikeDaemonKey];
    known.connections.clear();
    known.secrets.clear();
    for (const key of keys) tell({ type: 'gone', key });
  };

  const compare = async (client: ViciClient, tell: (notice: Notice) => void): Promise<void> => {
    const conns = new Set(listIn(await client.request('get-conns'), 'conns'));
    const secrets = new Set(await secretIds(client));
    for (const [name, connection] of known.connections) {
      if (conns.has(name)) continue;
      known.connections.delete(name);
      tell({ type: 'gone', key: ipsecConnectionKey(connection) });
    }
    for (const [id, key] of known.secrets) {
      if (secrets.has(id)) continue;
      known.secrets.delete(id);
      tell({ type: 'gone', key });
    }
  };

  return {
    checkSoon: () => checkIn(CHECK_MS.soon),
    start: async ({ tell, signal, inTurn }) => {
      const doubt = (cause: unknown): void => tell({ type: 'doubt', why: asFlanError(cause).message });
      const ears = charonEars({
        signal,
        onDown: () => {
          // Unloading a connection ends its SAs, too.
          checkIn(CHECK_MS.soon);
          lookLater(0);
        },
        onEnd: () => lookLater(0),
        onRefused: doubt,
      });
      const look = async (): Promise<void> => {
        const client = await session.find();
        if (client === undefined) return lose(tell);
        if (!isHere) {
          isHere = true;
          tell({ type: 'doubt', why: 'charon answers again' });
        }
        if (session.socket !== undefined) await ears.attach(session.socket);
        await compare(client, tell);
      };
      const check = async (): Promise<void> => {
        const client = await session.find();
        // When one answers again everything is loaded again, and that is looked after.
        if (client === undefined) return;
        const lacking = await withoutAssociation(client, [...known.connections.values()]);
        for (const connection of lacking) await initiate(client, connection);
        if (lacking.length > 0) checkIn(CHECK_MS.again);
      };
      let checkTimer: NodeJS.Timeout | undefined;
      checkIn = (delayMs) => {
        if (checkTimer !== undefined || signal.aborted) return;
        checkTimer = setTimeout(() => {
          checkTimer = undefined;
          // A charon that goes away meanwhile is noticed by the next look.
          inTurn(check).catch(() => undefined);
        }, delayMs).unref();
      };
      checkIn(CHECK_MS.soon);
      let timer: NodeJS.Timeout | undefined;
      let isLooking = false;
      const lookLater = (delayMs: number): void => {
        if (signal.aborted || isLooking) return;
        clearTimeout(timer);
        timer = setTimeout(() => void lookNow(), delayMs).unref();
      };
      const hang = hangWatch();
      const failed = async (cause: unknown): Promise<void> => {
        doubt(cause);
        if (!hang.failed(cause, performance.now())) return;
        const killed = await inTurn(async () => (signal.aborted ? undefined : killIfSilent()));
        if (killed !== undefined) tell({ type: 'doubt', why: `charon (pid ${killed}) hung, and was killed` });
      };
      const lookNow = async (): Promise<void> => {
        let tookMs = 0;
        isLooking = true;
        try {
          await inTurn(async () => {
            const startedMs = performance.now();
            await look();
            tookMs = performance.now() - startedMs;
          });
          hang.answered();
        } catch (cause) {
          if (!signal.aborted) await failed(cause).catch(doubt);
        }
        isLooking = false;
        const { least, most } = LOOK_INTERVAL_MS;
        lookLater(Math.min(most, Math.max(least, tookMs * COST_FACTOR)));
      };
      signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          clearTimeout(checkTimer);
        },
        { once: true },
      );
      lookLater(LOOK_INTERVAL_MS.least);
    },
  };
}
