import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';
import { leaseArgument } from './lease-argument.js';

export class LeaseShow extends SettingsCommand {
  static override readonly summary = 'Show one lease with all that the store says of it';
  static override readonly args = { lease: leaseArgument };

  override async run(): Promise<ExitCode> {
    const { flags, args } = await this.parse(LeaseShow);
    const { settings } = await this.loadSettings(flags);
    const { withStore, chooseLease, leaseText } = await import('./engine.js');
    return withStore(settings, async ({ store, identity }) => {
      const { leases } = await store.list(this.signal);
      const found = chooseLease({ word: args.lease, leases, identity });
      const expiresAtMs = found.expiresAtMs ?? (await store.expiry?.(found, this.signal));
      const lease = { ...found, ...(expiresAtMs !== undefined && { expiresAtMs }) };
      if (flags.json) {
        this.print({ format_version: FORMAT_VERSION, kind: 'flan.lease', ...{ store: store.name, lease } });
      } else this.out(leaseText(lease));
      return EXIT.ok;
    });
  }
}
