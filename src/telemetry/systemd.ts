import type { WatchEvent } from '../reconcile/events.js';
import { monotonicUsec, type ServiceManager } from '../sys/notify.js';

export interface SystemdInit {
  readonly manager: ServiceManager;
  readonly isAlive: () => boolean;
  readonly every: (ms: number, run: () => void) => () => void;
}

export interface Systemd {
  tell(event: WatchEvent): void;
  /** A reload begins; the next event that says how it went ends it. */
  reloading(): void;
  stopping(): void;
  close(): void;
}

/** How much longer a start may take when something is waited for; asked for again in half of the time. */
const EXTENSION_MS = 30_000;

/** Tells the service manager how `watch` does. @see sd_notify(3), systemd.service(5) WatchdogSec= */
export function systemd({ manager, isAlive, every }: SystemdInit): Systemd {
  let isReady = false;
  let isReloading = false;
  const stops: (() => void)[] = [];
  const { watchdogUsec } = manager;
  if (watchdogUsec !== undefined) {
    const beat = (): void => {
      if (isAlive()) manager.send({ WATCHDOG: 1 });
    };
    beat();
    stops.push(every(Math.max(1, watchdogUsec / 2000), beat));
  }
  // Only as long as there is an end to the waiting: a start that is stuck is not extended.
  const extend = (): void => {
    if (!isReady && isAlive()) manager.send({ EXTEND_TIMEOUT_USEC: EXTENSION_MS * 1000 });
  };
  extend();
  stops.push(every(EXTENSION_MS / 2, extend));
  const ready = (status: string): void => {
    isReady = true;
    isReloading = false;
    manager.send({ READY: 1, STATUS: status });
  };
  let status = 'Starting';
  return {
    tell(event) {
      switch (event.type) {
        case 'waiting':
          manager.send({ STATUS: `Waiting: ${event.error.message}` });
          break;
        case 'ready':
          status = `${event.peers} peers, ${event.resources} objects in place`;
          ready(status);
          break;
        case 'reload':
          // One that was taken is over when the new run is ready.
          if (isReloading && event.result !== 'taken') ready(status);
          break;
        case 'store':
          if (isReady) manager.send({ STATUS: event.state === 'connected' ? status : `${status}; the store is away` });
          break;
        case 'lease-lost':
          manager.send({ STATUS: event.error.message });
          break;
      }
    },
    reloading() {
      isReloading = true;
      manager.send({ RELOADING: 1, MONOTONIC_USEC: monotonicUsec(), STATUS: 'Reloading' });
    },
    stopping() {
      manager.send({ STOPPING: 1, STATUS: 'Stopping: everything stays in place' });
    },
    close() {
      for (const stop of stops) stop();
      manager.close();
    },
  };
}
