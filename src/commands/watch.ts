import type { Settings } from '../config/settings.js';
import type { ExitCode } from '../exit-codes.js';
import { EXIT } from '../exit-codes.js';
import { networksOf } from '../model/network.js';
import type { WatchEvent } from '../reconcile/events.js';
import { FORMAT_VERSION, VERSION } from '../version.js';
import { requirePrivilege } from './privilege.js';
import { SettingsCommand } from './settings-command.js';
import { standardOutput } from './streams.js';

export class Watch extends SettingsCommand {
  static override readonly summary = 'Hold the lease, follow leases and kernel, repair drift: the daemon';
  static override readonly description =
    'Runs until it is told to stop. Everything it made stays in place then. One event per line; with --json as JSON.';
  static override readonly examples = [
    '<%= config.bin %> watch',
    '<%= config.bin %> watch --json | jq -c "select(.type==\\"drift\\")"',
  ];

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Watch);
    const { settings } = await this.loadSettings(flags);
    requirePrivilege('watch');
    const { systemClock, watchLine } = await import('./engine.js');
    const signal = AbortSignal.any([this.signal, this.outputClosed]);
    const stamp = (): string => new Date(systemClock.wallMs()).toISOString();
    if (flags.json) this.event({ type: 'version', format_version: FORMAT_VERSION, flan: VERSION });
    const tell = (event: WatchEvent): void => {
      if (flags.json) {
        this.event({ at: stamp(), ...event });
        return;
      }
      const line = watchLine(event, this.colours);
      if (line !== undefined) this.out(`${stamp()} ${line}\n`);
    };
    try {
      await follow({ settings, signal, tell });
    } catch (error) {
      // Being told to stop is how a daemon ends well, wherever it was.
      if (!signal.aborted) throw error;
    }
    return EXIT.ok;
  }

  /** One line of JSON: stdout holds nothing else then, so an error that ends the run is told on stderr. */
  private event(event: object): void {
    standardOutput.document = 'flan.watch';
    this.out(`${JSON.stringify(event, plainErrors)}\n`);
  }
}

interface Follow {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  readonly tell: (event: WatchEvent) => void;
}

async function follow({ settings, signal, tell }: Follow): Promise<void> {
  const { openPatiently, lockHost, systemClock, watch } = await import('./engine.js');
  const session = await openPatiently({
    settings,
    signal,
    onWait: (error, retryInMs) => tell({ type: 'waiting', error, ...(retryInMs !== undefined && { retryInMs }) }),
  });
  try {
    const lock = lockHost({ ...settings, networks: networksOf(session.network), holder: 'flan watch' });
    try {
      await watch({
        session,
        signal,
        tell,
        clock: systemClock,
        adopt: settings.adopt ? 'yes' : 'no',
        resyncIntervalMs: settings.resyncInterval,
        renewMarginMs: settings.leaseRenewMargin,
        guardFraction: settings.deleteGuard === 'off' ? 1 : settings.deleteGuard,
      });
    } finally {
      lock.release();
    }
  } finally {
    await session.close();
  }
}

/** Errors have no enumerable members of their own. */
const plainErrors = (_key: string, value: unknown): unknown =>
  value instanceof Error ? { code: 'code' in value ? value.code : 'E_BUG', message: value.message } : value;
