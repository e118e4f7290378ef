import type { ExitCode } from '../exit-codes.js';
import { EXIT } from '../exit-codes.js';
import { networksOf } from '../model/network.js';
import type { WatchEvent } from '../reconcile/events.js';
import { FORMAT_VERSION, VERSION } from '../version.js';
import { requirePrivilege } from './privilege.js';
import { SettingsCommand } from './settings-command.js';

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
    const { openSession, lockHost, systemClock, watch, watchLine } = await import('./engine.js');
    const session = await openSession(settings, this.signal);
    const { signal } = this;
    const stamp = (): string => new Date(systemClock.wallMs()).toISOString();
    if (flags.json) this.out(`${JSON.stringify({ type: 'version', format_version: FORMAT_VERSION, flan: VERSION })}\n`);
    const tell = (event: WatchEvent): void => {
      if (flags.json) this.out(`${JSON.stringify({ at: stamp(), ...event }, plainErrors)}\n`);
      else {
        const line = watchLine(event, this.colours);
        if (line !== undefined) this.out(`${stamp()} ${line}\n`);
      }
    };
    try {
      const lock = lockHost({ ...settings, networks: networksOf(session.network), holder: 'flan watch' });
      try {
        await watch({
          session,
          signal: AbortSignal.any([signal, this.outputClosed]),
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
    // Being told to stop is how a daemon ends well.
    return EXIT.ok;
  }
}

/** Errors have no enumerable members of their own. */
const plainErrors = (_key: string, value: unknown): unknown =>
  value instanceof Error ? { code: 'code' in value ? value.code : 'E_BUG', message: value.message } : value;
