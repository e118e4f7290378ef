import { asFlanError, type FlanError } from '../../errors.js';
import { openVici, type ViciClient } from './client.js';
import { textIn } from './message.js';

export interface EarsInit {
  readonly signal: AbortSignal;
  /** An SA went down. */
  readonly onDown: () => void;
  /** The conversation is over, whoever ended it. */
  readonly onEnd: () => void;
  /** charon does not let us listen. */
  readonly onRefused: (why: FlanError) => void;
}

/** A conversation with charon that only listens: to SAs that go. */
export interface Ears {
  /** Begins one, unless there is one, or charon refused it a moment ago. @throws {FlanError} E_CHARON, E_PERMISSION */
  attach(socket: string): Promise<void>;
}

/** After charon refused to tell of events. */
const AGAIN_MS = 30_000;

export function charonEars({ signal, onDown, onEnd, onRefused }: EarsInit): Ears {
  let current: ViciClient | undefined;
  let deafUntilMs = Number.NEGATIVE_INFINITY;
  signal.addEventListener('abort', () => current?.close(), { once: true });

  return {
    attach: async (socket) => {
      if (current !== undefined || performance.now() < deafUntilMs) return;
      const client = await openVici(socket);
      // Another run may have taken over meanwhile.
      if (signal.aborted) return client.close();
      current = client;
      void client.closed.then(() => {
        current = undefined;
        if (!signal.aborted) onEnd();
      });
      try {
        await client.listen(['ike-updown', 'child-updown'], (_name, message) => {
          if (textIn(message, 'up') !== 'yes') onDown();
        });
      } catch (cause) {
        client.close();
        const error = asFlanError(cause);
        // It went away, or is silent: the next look sees that.
        if (error.retry) throw error;
        deafUntilMs = performance.now() + AGAIN_MS;
        onRefused(error);
      }
    },
  };
}
