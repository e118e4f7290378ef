import { boolean } from '@oclif/core/flags';
import type { Settings } from '../config/settings.js';
import type { ExitCode } from '../exit-codes.js';
import { EXIT } from '../exit-codes.js';
import type { Clock } from '../reconcile/clock.js';
import type { WatchEvent } from '../reconcile/events.js';
import { FORMAT_VERSION, VERSION } from '../version.js';
import { compileLater } from './compile-later.js';
import { requirePrivilege } from './privilege.js';
import { SettingsCommand } from './settings-command.js';
import { standardOutput } from './streams.js';
import type { Sink } from './watch/telemetry.js';
import type { LiveUi } from './watch/ui.js';

export class Watch extends SettingsCommand {
  static override readonly summary = 'Hold the lease, follow leases and kernel, repair drift: the daemon';
  static override readonly description =
    `Runs until it is told to stop. Everything it made stays in place then. One event per line; with --json as JSON.

SIGHUP reads settings and network config again and takes over what changed; what cannot be taken is refused, and
everything goes on as it was. SIGUSR1 writes all that is known to watch-state.json in the runtime directory.

With --healthz-port or --healthz-socket it serves /healthz, /livez, /readyz, /metrics and a status page at /. Under
systemd it tells when it is ready, reloads, stops, and that it is alive.`;
  static override readonly examples = [
    '<%= config.bin %> watch',
    '<%= config.bin %> watch --healthz-ip 127.0.0.1 --healthz-port 8285',
    '<%= config.bin %> watch --json | jq -c "select(.type==\\"drift\\")"',
  ];

  static override readonly flags = {
    ui: boolean({ summary: 'Show a live table of the peers instead of lines, on a terminal; ? there for its keys' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Watch);
    const { settings } = await this.loadSettings(flags);
    requirePrivilege('watch');
    const start = compileLater();
    const { hangUps, openTelemetry, runWatch, systemClock } = await import('./watch/engine.js');
    const signal = AbortSignal.any([this.signal, this.outputClosed]);
    if (flags.json) this.event({ type: 'version', format_version: FORMAT_VERSION, flan: VERSION });
    const ui = flags.ui && !flags.json ? await this.ui() : undefined;
    const lines = () => this.lines(settings, systemClock);
    const output = ui ?? (flags.json ? this.events(systemClock.wallMs) : await lines());
    const telemetry = await openTelemetry({ settings, env: process.env, clock: systemClock, sinks: [output, start] });
    ui?.show(telemetry.status);
    const signals = hangUps(telemetry.dump);
    const load = async (): Promise<Settings> => (await this.loadSettings(flags)).settings;
    try {
      await runWatch({ settings, load, signal, hangUps: signals, telemetry });
    } catch (error) {
      // Being told to stop is how a daemon ends well, wherever it was.
      if (!signal.aborted) throw error;
    } finally {
      signals.close();
      ui?.close();
      await telemetry.close();
    }
    return EXIT.ok;
  }

  /** Every event as it is, whatever the log level. */
  private events(wallMs: () => number): Sink {
    return {
      tell: (event: WatchEvent) => this.event({ at: new Date(wallMs()).toISOString(), ...event }),
    };
  }

  /** Undefined, and said, where there is no terminal to show it on. */
  private async ui(): Promise<LiveUi | undefined> {
    const { stdin: input, stdout: output } = process;
    if (!input.isTTY || !output.isTTY || process.env.TERM === 'dumb') {
      this.note('--ui needs a terminal: a line per event instead');
      return undefined;
    }
    const { liveUi, systemClock } = await import('./watch/engine.js');
    // As Ctrl-C does where the terminal still makes a signal of it.
    const onQuit = () => process.kill(process.pid, 'SIGINT');
    return liveUi({ input, output, clock: systemClock, paint: this.colours, onQuit });
  }

  private async lines(settings: Settings, { wallMs, nowMs }: Pick<Clock, 'wallMs' | 'nowMs'>): Promise<Sink> {
    const { watchLog } = await import('./watch/engine.js');
    return watchLog({ ...settings, wallMs, nowMs, paint: this.colours, write: (line) => this.out(`${line}\n`) });
  }

  /** One line of JSON: stdout holds nothing else then, so an error that ends the run is told on stderr. */
  private event(event: object): void {
    standardOutput.document = 'flan.watch';
    this.out(`${JSON.stringify(withPlainError(event))}\n`);
  }
}

/** Errors have no enumerable members of their own. Those of events are their `error`: nothing else need be gone through. */
function withPlainError(event: object): object {
  if (!('error' in event) || !(event.error instanceof Error)) return event;
  const { error } = event;
  return { ...event, error: { code: 'code' in error ? error.code : 'E_BUG', message: error.message } };
}
