import { join } from 'node:path';
import type { Settings } from '../../config/settings.js';
import { asFlanError, type FlanError } from '../../errors.js';
import type { LeaseStore } from '../../leases/store.js';
import type { Warning } from '../../model/warning.js';
import type { Clock } from '../../reconcile/clock.js';
import type { WatchEvent } from '../../reconcile/events.js';
import { historyWriter } from '../../reconcile/history-writer.js';
import { readTunnels, type TunnelReport } from '../../reconcile/status-tunnels.js';
import { statusTeller } from '../../reconcile/status-watch.js';
import type { Round, WatchView } from '../../reconcile/view.js';
import { statusPage } from '../../report/status-page.js';
import type { WatchStatus } from '../../report/watch-status.js';
import { writeFileAtomic } from '../../sys/atomic-file.js';
import { serviceManager } from '../../sys/notify.js';
import { dumpOf } from '../../telemetry/dump.js';
import { alive, checksText, isWell, ready } from '../../telemetry/health.js';
import { heart } from '../../telemetry/heart.js';
import { type Answer, type Listener, listen, type Pages, type Place, plain } from '../../telemetry/listener.js';
import { metrics } from '../../telemetry/metrics.js';
import { nodeNotes } from '../../telemetry/node-notes.js';
import { statusOf } from '../../telemetry/status.js';
import { systemd } from '../../telemetry/systemd.js';
import { timeline } from '../../telemetry/timeline.js';

/** Someone who is told everything that `watch` tells. */
export interface Sink {
  tell(event: WatchEvent): void;
  /** Called every few seconds. */
  settle?(): void;
  change?(settings: Settings): void;
  /** There is another run from now on. */
  look?(view: WatchView): void;
}

export interface TelemetryInit {
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Told after everybody else, so that who reads the log finds the rest up to date. */
  readonly sinks: readonly Sink[];
}

/** Everything that looks at the runs of `watch` and outlives them. */
export interface Telemetry {
  tell(event: WatchEvent): void;
  look(view: WatchView): void;
  round(round: Round): void;
  /** How the runs do now. */
  status(): WatchStatus;
  reloading(): void;
  /** The store that the next run follows: people who look at the node through it are told too. */
  through(store: LeaseStore): void;
  /** Before that store is closed: waits a moment for what is on its way to it. */
  flush(): Promise<void>;
  /** Takes changed settings over. @throws {FlanError} E_LISTEN, and nothing has changed */
  change(settings: Settings): Promise<void>;
  /** Writes all that is known to a file. */
  dump(): void;
  close(): Promise<void>;
}

const TICK_MS = 5000;

/** @throws {FlanError} E_LISTEN when health cannot be served where the settings say */
export async function openTelemetry({ settings, env, clock, sinks }: TelemetryInit): Promise<Telemetry> {
  let current = settings;
  const past = timeline(clock.wallMs);
  const startedMs = clock.wallMs();
  const settle = (): void => {
    notes.settle();
    teller.settle();
    for (const sink of sinks) sink.settle?.();
  };
  const pulse = heart({ clock, onTick: settle, tickMs: TICK_MS });
  const notes = nodeNotes({
    nowMs: clock.nowMs,
    ready: () => ready(pulse.vitals()),
    onRefused: (error) => warn('W_EVENTS_REFUSED', error),
  });
  const history = historyWriter({ place: settings, clock, onRefused: (error) => warn('W_HISTORY', error) });
  const warn = (code: Warning['code'], { message, hint = '' }: FlanError): void =>
    tell({ type: 'warning', warning: { code, message, hint } });
  const isReady = (): boolean => isWell(ready(pulse.vitals()));
  const tunnels = (): Promise<TunnelReport> => {
    const view = pulse.view();
    return readTunnels({
      ...current,
      wireguard: view?.tunnels,
      ipsec: view?.associations,
      leases: view?.peers() ?? [],
    });
  };
  const counted = metrics({ wallMs: clock.wallMs, view: pulse.view, isReady, tunnels });
  const readiness = () => {
    const checks = ready(pulse.vitals());
    return { ready: isWell(checks), why: checks.map(({ detail }) => detail).join('; ') };
  };
  const teller = statusTeller({ place: settings, clock, view: pulse.view, readiness });
  const manager = serviceManager(env);
  const every = (ms: number, run: () => void): (() => void) => {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  };
  const supervisor = manager && systemd({ manager, isAlive: () => isWell(alive(pulse.vitals())), every });
  const told = [past, counted, pulse, notes, history, teller, ...(supervisor ? [supervisor] : []), ...sinks];
  const tell = (event: WatchEvent): void => {
    for (const sink of told) sink.tell(event);
  };
  const state = () => ({
    view: pulse.view(),
    vitals: pulse.vitals(),
    moments: past.moments(),
    nowMs: clock.wallMs(),
    startedMs,
    settings: current,
  });
  const health = (checks: typeof alive) => (): Answer => {
    const result = checks(pulse.vitals());
    return plain(isWell(result) ? 200 : 503, checksText(result));
  };
  const pages: Pages = {
    '/': () => ({ status: 200, contentType: 'text/html; charset=utf-8', body: statusPage(statusOf(state())) }),
    '/healthz': health(alive),
    '/livez': health(alive),
    '/readyz': health(ready),
    '/metrics': async () => ({ status: 200, contentType: counted.contentType, body: await counted.text() }),
  };
  let listeners = await listenAll(placesOf(settings), { pages, open: [] });
  return {
    tell,
    look(view) {
      pulse.look(view);
      for (const sink of sinks) sink.look?.(view);
    },
    status: teller.now,
    round: counted.round,
    through: notes.through,
    flush: notes.flush,
    reloading: () => supervisor?.reloading(),
    async change(next) {
      listeners = await listenAll(placesOf(next), { pages, open: listeners });
      history.change(next);
      for (const sink of sinks) sink.change?.(next);
      current = next;
    },
    dump() {
      const path = join(current.runtimeDir, 'watch-state.json');
      try {
        writeFileAtomic(path, `${JSON.stringify(dumpOf(state()), undefined, 2)}\n`, 0o600);
        tell({ type: 'dumped', path });
      } catch (cause) {
        tell({ type: 'failed', key: path, error: asFlanError(cause), more: 0 });
      }
    },
    async close() {
      supervisor?.stopping();
      teller.close();
      pulse.close();
      supervisor?.close();
      await Promise.all([history.close(), ...listeners.map((listener) => listener.close())]);
    },
  };
}

function placesOf({ healthzIp: ip, healthzPort: port, healthzSocket: path }: Settings): readonly Place[] {
  return [
    ...(port === 0 ? [] : [{ type: 'port', ip, port } as const]),
    ...(path === undefined ? [] : [{ type: 'socket', path } as const]),
  ];
}

interface Listening {
  readonly pages: Pages;
  readonly open: readonly Listener[];
}

/** Those that stay go on; new ones are open before old ones close. */
async function listenAll(places: readonly Place[], { pages, open }: Listening): Promise<readonly Listener[]> {
  const isAt = (place: Place) => (listener: Listener) => JSON.stringify(listener.place) === JSON.stringify(place);
  const kept = open.filter((listener) => places.some((place) => isAt(place)(listener)));
  const opened: Listener[] = [];
  try {
    for (const place of places) if (!kept.some(isAt(place))) opened.push(await listen(place, pages));
  } catch (error) {
    await Promise.all(opened.map((listener) => listener.close()));
    throw error;
  }
  await Promise.all(open.filter((listener) => !kept.includes(listener)).map((listener) => listener.close()));
  return [...kept, ...opened];
}
