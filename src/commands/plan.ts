import { boolean, option } from '@oclif/core/flags';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { SettingsCommand } from './settings-command.js';

export class Plan extends SettingsCommand {
  static override readonly summary = 'Show what apply would change, and why';
  static override readonly description =
    'Computes the routes, tunnels, neighbours, rules and files that this node should hold from the leases, reads what it ' +
    'does hold, and shows the difference. Changes nothing and needs no privilege.';
  static override readonly examples = [
    '<%= config.bin %> plan',
    '<%= config.bin %> plan --detailed-exitcode --json | jq .summary',
    '<%= config.bin %> plan -o ip',
  ];
  static override readonly flags = {
    output: option({
      char: 'o',
      options: ['text', 'json', 'markdown', 'ip'] as const,
      default: 'text' as const,
      summary: 'Format: text, json, markdown (for a pull request), or ip (the same as ip(8) commands)',
    })(),
    'detailed-exitcode': boolean({ summary: 'Exit with 2 when there is something to change' }),
    summary: boolean({ summary: 'Print the last line only' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Plan);
    const { settings } = await this.loadSettings(flags);
    const { openSession, preview, planText, planMarkdown, planCommands, summaryLine } = await import('./engine.js');
    const session = await openSession(settings, this.signal);
    try {
      const adopt = settings.adopt ? 'yes' : 'no';
      const { document } = await preview({ session, adopt, signal: this.signal });
      if (flags.json || flags.output === 'json') this.print(document);
      else if (flags.summary) this.out(`${summaryLine(document.summary)}\n`);
      else if (flags.output === 'markdown') this.out(planMarkdown(document));
      else if (flags.output === 'ip') this.out(planCommands(document));
      else this.out(planText(document, this.colours));
      const isSettled = document.plan.steps.length === 0 && document.plan.conflicts.length === 0;
      return flags['detailed-exitcode'] && !isSettled ? EXIT.changes : EXIT.ok;
    } finally {
      await session.close();
    }
  }
}
