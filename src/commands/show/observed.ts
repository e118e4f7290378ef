import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';

export class ShowObserved extends SettingsCommand {
  static override readonly summary = 'Show what this node holds that is ours, or stands where ours belongs';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(ShowObserved);
    const { settings } = await this.loadSettings(flags);
    const { openSession, preview, resourcesText } = await import('../engine.js');
    const session = await openSession(settings, this.signal);
    try {
      const { observed, inputs, document } = await preview({ session, adopt: 'no', signal: this.signal });
      const rows = [...observed.values()].map((resource) => ({
        resource,
        note: session.kinds.of(resource).owns(resource, inputs.ownership) ? 'ours' : 'foreign',
      }));
      const { foreign } = document;
      if (!flags.json) this.out(resourcesText(rows));
      else this.print({ format_version: FORMAT_VERSION, kind: 'flan.observed', ...{ resources: rows, foreign } });
      return EXIT.ok;
    } finally {
      await session.close();
    }
  }
}
