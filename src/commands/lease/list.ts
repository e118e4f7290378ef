import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';

export class LeaseList extends SettingsCommand {
  static override readonly summary = 'List all leases in the store';
  static override readonly description =
    'Reads the store alone, so it works on any machine that reaches it. `flan show leases` adds which of them this node uses.';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(LeaseList);
    const { settings } = await this.loadSettings(flags);
    const { withStore, listedRows, leasesText, holdsLease } = await import('./engine.js');
    return withStore(settings, async ({ store, identity }) => {
      const { leases, rejected } = await store.list(this.signal);
      const rows = listedRows({
        leases,
        isOwn: (lease) => holdsLease(identity, lease),
        expiry: store.expiry === undefined ? 'told' : 'untold',
      });
      if (flags.json) {
        const refused = rejected.map(({ entry, error: { code, message } }) => ({ entry, code, message }));
        const about = { store: store.name, leases: rows, rejected: refused };
        this.print({ format_version: FORMAT_VERSION, kind: 'flan.leases', ...about });
        return EXIT.ok;
      }
      this.out(leasesText(rows, this.colours));
      for (const { entry, error } of rejected) {
        this.out(`  ${this.colours.yellow('unreadable')}  ${entry}  ${error.message}\n`);
      }
      return EXIT.ok;
    });
  }
}
