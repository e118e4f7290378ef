import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';

export class ShowFacts extends SettingsCommand {
  static override readonly summary = 'Show what flan knows of this host: interfaces, and which one it picked and why';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(ShowFacts);
    const { settings } = await this.loadSettings(flags);
    const { openSession, lookAround, factsText } = await import('../engine.js');
    const session = await openSession(settings, this.signal);
    try {
      const { identity } = session;
      const { facts, external, explanation, warnings } = lookAround(session);
      for (const warning of warnings) this.caution(warning);
      if (!flags.json) this.out(factsText({ identity, facts, external, explanation }, this.colours));
      else
        this.print({
          format_version: FORMAT_VERSION,
          kind: 'flan.facts',
          ...{ identity, facts, external, explanation },
        });
      return EXIT.ok;
    } finally {
      await session.close();
    }
  }
}
