import { constants } from 'node:os';
import { FlanError } from '../errors.js';

let controller: AbortController | undefined;

/**
 * Aborted by the first SIGINT or SIGTERM, with E_INTERRUPTED or E_TERMINATED as the reason; a second signal ends the
 * process at once. Handlers are installed on the first call: who never asks dies of the signal as usual.
 */
export function interruptSignal(): AbortSignal {
  if (controller !== undefined) return controller.signal;
  const own = new AbortController();
  controller = own;
  const listen = (signal: 'SIGINT' | 'SIGTERM', code: 'E_INTERRUPTED' | 'E_TERMINATED') =>
    process.on(signal, () => {
      if (own.signal.aborted) process.exit(128 + constants.signals[signal]);
      own.abort(
        new FlanError(code, `stopped by ${signal}`, { hint: 'Run the command again; a second signal does not wait.' }),
      );
    });
  listen('SIGINT', 'E_INTERRUPTED');
  listen('SIGTERM', 'E_TERMINATED');
  return own.signal;
}

/** The reason of the interruption when that is why `error` was thrown; else `error` itself. */
export function orInterruption(error: unknown): unknown {
  const signal = controller?.signal;
  if (!signal?.aborted || error instanceof FlanError) return error;
  return error instanceof Error && error.name === 'AbortError' ? signal.reason : error;
}
