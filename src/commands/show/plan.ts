import { string } from '@oclif/core/args';
import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { PLAN_OUTPUT } from '../plan-flags.js';
import { SettingsCommand } from '../settings-command.js';

export class ShowPlan extends SettingsCommand {
  static override readonly summary = 'Show a saved plan, and whether it still fits this host';
  static override readonly description =
    'Reads what `flan plan --out` wrote, on any machine. That it is stale, expired, applied or for another host is only ' +
    'told: the exit code is 0 all the same.';
  static override readonly examples = [
    '<%= config.bin %> show change.flanplan',
    '<%= config.bin %> show change.flanplan -o markdown',
  ];
  static override readonly args = {
    plan: string({ required: true, description: 'A file that `flan plan --out` wrote' }),
  };
  static override readonly flags = { output: PLAN_OUTPUT() };

  override async run(): Promise<ExitCode> {
    const { flags, args } = await this.parse(ShowPlan);
    const { openPlan, statusOf } = await import('../saved-plan.js');
    // Read first: whatever else is wrong, the plan can be shown.
    const saved = openPlan(args.plan);
    const { settings } = await this.loadSettings(flags);
    const look = async () => {
      const { openSession, preview } = await import('../engine.js');
      const session = await openSession(settings, this.signal);
      try {
        return await preview({ session, adopt: saved.adopt, signal: this.signal });
      } finally {
        await session.close();
      }
    };
    const status = await statusOf({ saved, settings, look });
    const shown = { format_version: FORMAT_VERSION, kind: 'flan.shown-plan', file: args.plan, status, saved } as const;
    const format = flags.json ? 'json' : flags.output;
    if (format === 'json') this.print(shown);
    else if (format === 'text') {
      const { shownPlanText } = await import('../../report/saved-plan-text.js');
      this.out(shownPlanText(shown, this.colours));
    } else {
      const { renderPlan } = await import('../plan-output.js');
      if (status.state !== 'fresh') this.caution({ code: 'W_PLAN_STALE', message: `${status.state}: ${status.why}` });
      this.out(renderPlan(saved.document, format));
    }
    return EXIT.ok;
  }
}
