import { EXIT, type ExitCode } from '../exit-codes.js';
import { TARGET_FLAGS } from './apply/flags.js';
import { DRIFT } from './plan-flags.js';
import { SettingsCommand } from './settings-command.js';

export class Diff extends SettingsCommand {
  static override readonly summary =
    'Show what apply would change as a unified diff; exit with 2 when there is anything';
  static override readonly description =
    'The same as `flan plan --diff --detailed-exitcode`: what stands here against what should, as YAML. It says nothing, ' +
    'and exits with 0, when all is as it should be. Changes nothing and needs no privilege.';
  static override readonly examples = [
    '<%= config.bin %> diff',
    '<%= config.bin %> diff --target kind:route | less -R',
    '<%= config.bin %> diff --drift > /dev/null || echo "somebody else changes routes here"',
  ];
  static override readonly flags = { drift: DRIFT, ...TARGET_FLAGS };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Diff);
    const { settings } = await this.loadSettings(flags);
    const { openSession, preview } = await import('./engine.js');
    const session = await openSession(settings, this.signal);
    try {
      const adopt = settings.adopt ? 'yes' : 'no';
      const seen = await preview({ session, adopt, signal: this.signal });
      const part = (await import('./apply/engine.js')).inPart(seen, flags);
      const { document } = flags.drift ? (await import('./plan-drift.js')).driftOnly(part, settings) : part;
      const isSettled = document.plan.steps.length === 0 && document.plan.conflicts.length === 0;
      if (flags.json) this.print(document);
      else if (!isSettled) this.out((await import('./plan-output.js')).renderPlan(document, 'diff'));
      return isSettled ? EXIT.ok : EXIT.changes;
    } finally {
      await session.close();
    }
  }
}
