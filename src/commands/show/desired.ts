import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';

export class ShowDesired extends SettingsCommand {
  static override readonly summary = 'Show what this node should hold, and why';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(ShowDesired);
    const { settings } = await this.loadSettings(flags);
    const { openSession, preview, resourcesText } = await import('../engine.js');
    const session = await openSession(settings, this.signal);
    try {
      const { desired } = await preview({ session, adopt: 'no', signal: this.signal });
      const rows = [...desired.desired.values()].map(({ resource, because }) => ({ resource, note: because }));
      if (!flags.json) this.out(resourcesText(rows));
      else this.print({ format_version: FORMAT_VERSION, kind: 'flan.desired', ...{ resources: rows } });
      return EXIT.ok;
    } finally {
      await session.close();
    }
  }
}
