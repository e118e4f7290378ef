import { setMaxListeners } from 'node:events';

/** Runs `act` when one of the signals aborts, soon if one has; returns how to forget about it. */
export function onAbort(signals: readonly AbortSignal[], act: () => void): () => void {
  // Many calls wait on one signal, which is no leak to be warned of.
  setMaxListeners(0, ...signals);
  for (const signal of signals) signal.addEventListener('abort', act, { once: true });
  if (signals.some((signal) => signal.aborted)) queueMicrotask(act);
  return () => {
    for (const signal of signals) signal.removeEventListener('abort', act);
  };
}

/** Waits for a promise that others need too, no longer than until the signal aborts. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const unhook = onAbort([signal], () => reject(signal.reason));
    promise.then(resolve, reject).finally(unhook);
  });
}
