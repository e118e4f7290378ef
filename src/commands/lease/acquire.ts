import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';

export class LeaseAcquire extends SettingsCommand {
  static override readonly summary = "Get this node's lease, or renew it, and publish this node's address with it";
  static override readonly description =
    'What apply and watch do first. Changes nothing on the host; until somebody renews it the lease lasts leaseTtl.';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(LeaseAcquire);
    const { settings } = await this.loadSettings(flags);
    const { openSession, survey, whatToPublish, leaseText } = await import('./engine.js');
    const session = await openSession(settings, this.signal);
    const { signal } = this;
    try {
      await session.equip?.(signal);
      const request = await whatToPublish({ session, survey: survey(session), signal });
      const lease = await session.store.acquire(request, signal);
      if (flags.json) {
        this.print({ format_version: FORMAT_VERSION, kind: 'flan.lease', ...{ store: session.store.name, lease } });
      } else this.out(leaseText(lease));
      return EXIT.ok;
    } finally {
      await session.close();
    }
  }
}
