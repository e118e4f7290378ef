import { existsSync } from 'node:fs';
import { string } from '@oclif/core/args';
import { FlanError } from '../../errors.js';
import { EXIT, type ExitCode } from '../../exit-codes.js';
import { didYouMean } from '../../model/did-you-mean.js';
import { FORMAT_VERSION } from '../../version.js';
import { PLAN_OUTPUT } from '../plan-flags.js';
import { SettingsCommand } from '../settings-command.js';

export class ShowPlan extends SettingsCommand {
  static override readonly summary = 'Show a saved plan, and whether it still fits this host';
  static override readonly description =
    'Reads what `flan plan --out` wrote, on any machine. That it is stale, expired, applied or for another host is only ' +
    'told: the exit code is 0 all the same. What this node holds and should hold show `flan show desired`, `observed`, ' +
    '`leases` and `facts`.';
  static override readonly examples = [
    '<%= config.bin %> show change.flanplan',
    '<%= config.bin %> show change.flanplan -o markdown',
  ];
  static override readonly args = {
    plan: string({ description: 'A file that `flan plan --out` wrote, or - for stdin' }),
  };
  static override readonly flags = { output: PLAN_OUTPUT() };

  override async run(): Promise<ExitCode> {
    const { flags, args } = await this.parse(ShowPlan);
    const { openPlan, statusOf } = await import('../saved-plan.js');
    const file = fileOf(args.plan);
    // Read first: whatever else is wrong, the plan can be shown.
    const saved = await openPlan(file);
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
    const shown = { format_version: FORMAT_VERSION, kind: 'flan.shown-plan', file, status, saved } as const;
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

const OTHERS: readonly string[] = ['desired', 'observed', 'leases', 'facts'];

/** @throws {FlanError} E_USAGE when no file is named, or rather one of the other things to show */
function fileOf(word: string | undefined): string {
  const guess = word === undefined || existsSync(word) ? undefined : didYouMean(word, OTHERS);
  if (word !== undefined && guess === undefined) return word;
  const hint =
    guess === undefined
      ? `Name a file that \`flan plan --out\` wrote, or one of ${OTHERS.join(', ')}.`
      : `Did you mean \`flan show ${guess}\`?`;
  throw new FlanError('E_USAGE', word === undefined ? 'nothing to show is named' : `there is no file ${word}`, {
    hint,
  });
}
