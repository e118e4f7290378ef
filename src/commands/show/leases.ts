import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';

export class ShowLeases extends SettingsCommand {
  static override readonly summary = 'Show all leases as this node sees them';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(ShowLeases);
    const { settings } = await this.loadSettings(flags);
    const { openSession, preview, leaseRows, leasesText } = await import('../engine.js');
    const session = await openSession(settings, this.signal);
    try {
      const { table, listing, document } = await preview({ session, adopt: 'no', signal: this.signal });
      const expiry = session.store.expiry === undefined ? 'told' : 'untold';
      const rows = leaseRows(listing.leases, table).map((row) => ({ ...row, expiry }) as const);
      const rejected = document.quarantined.filter(({ entry }) => !rows.some(({ lease }) => lease.key === entry));
      if (flags.json) {
        this.print({ format_version: FORMAT_VERSION, kind: 'flan.leases', ...{ leases: rows, rejected } });
      } else {
        this.out(leasesText(rows, this.colours));
        for (const { entry, message } of rejected)
          this.out(`  ${this.colours.yellow('unreadable')}  ${entry}  ${message}\n`);
      }
      return EXIT.ok;
    } finally {
      await session.close();
    }
  }
}
