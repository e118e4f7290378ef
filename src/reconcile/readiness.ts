import { asFlanError, type FlanError } from '../errors.js';
import type { LeaseStore } from '../leases/store.js';
import type { Clock } from './clock.js';
import type { WatchEvent } from './events.js';
import { patiently } from './patience.js';

export interface ReadinessInit {
  readonly store: Pick<LeaseStore, 'setNetwork'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tell: (event: WatchEvent) => void;
}

/** Publishes whether this node's network works, where the store has a place for that. */
export interface Readiness {
  /** Publishes what is so now, as soon as the store can be reached; says each state once in a row. */
  say(state: 'works' | 'broken'): void;
  /** For an end that nobody asked for: publishes that the network works no more, if that was published. Gives up soon. */
  lastWords(): Promise<void>;
}

const LAST_WORDS_MS = 3000;

export function readiness({ store, clock, signal, tell }: ReadinessInit): Readiness {
  const { setNetwork } = store;
  if (setNetwork === undefined) return { say: () => {}, lastWords: async () => {} };
  let wanted: 'works' | 'broken' | undefined;
  let said: 'works' | 'broken' | undefined;
  let busy = false;

  const publish = async (): Promise<void> => {
    const onWait = (error: FlanError): void => tell({ type: 'failed', key: 'readiness', error, more: 0 });
    while (wanted !== said && !signal.aborted) {
      await patiently(
        async () => {
          const state = wanted;
          await setNetwork(state === 'works' ? 'up' : 'down', signal);
          said = state;
        },
        { clock, signal, onWait },
      );
    }
  };
  return {
    say(state) {
      if (state === wanted || signal.aborted) return;
      wanted = state;
      if (busy) return;
      busy = true;
      publish()
        .catch((cause: unknown) => {
          if (!signal.aborted) tell({ type: 'failed', key: 'readiness', error: asFlanError(cause), more: 0 });
        })
        .finally(() => {
          busy = false;
        });
    },
    async lastWords() {
      if (wanted !== 'works') return;
      wanted = 'broken';
      try {
        await setNetwork('down', AbortSignal.timeout(LAST_WORDS_MS));
      } catch (cause) {
        tell({ type: 'failed', key: 'readiness', error: asFlanError(cause), more: 0 });
      }
    },
  };
}
