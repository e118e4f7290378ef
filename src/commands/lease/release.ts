import { FlanError } from '../../errors.js';
import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { APPROVAL_FLAGS } from '../apply/flags.js';
import { approveOrEnd } from '../approve.js';
import { SettingsCommand } from '../settings-command.js';
import { leaseArgument } from './lease-argument.js';

export class LeaseRelease extends SettingsCommand {
  static override readonly summary = 'Give a lease back, or end a reservation: others may get the subnet then';
  static override readonly description =
    'Nothing changes on the host that held it. A daemon that runs there takes the subnet back if it is still free.';
  static override readonly args = { lease: leaseArgument };
  static override readonly flags = {
    ...APPROVAL_FLAGS,
  };

  override async run(): Promise<ExitCode> {
    const { flags, args } = await this.parse(LeaseRelease);
    const { settings } = await this.loadSettings(flags);
    const { withStore, chooseLease, holdsLease, leaseText } = await import('./engine.js');
    return withStore(settings, async ({ store, identity }) => {
      const { leases } = await store.list(this.signal);
      const lease = chooseLease({ word: args.lease, leases, identity });
      if (store.assigns && !holdsLease(identity, lease)) {
        throw new FlanError('E_UNSUPPORTED', `${store.name}: only the own Node's lease can be released here`, {
          hint: `Delete the Node instead: kubectl delete node ${lease.node ?? ''}`.trimEnd(),
        });
      }
      if (!flags.yes) {
        this.note(leaseText(lease).trimEnd());
        await approveOrEnd('Release this lease?', this.signal);
      }
      await store.release(lease, this.signal);
      if (flags.json) {
        this.print({ format_version: FORMAT_VERSION, kind: 'flan.release', ...{ store: store.name, lease } });
      } else this.out(`released ${lease.key}\n`);
      return EXIT.ok;
    });
  }
}
