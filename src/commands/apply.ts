import { boolean } from '@oclif/core/flags';
import type { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { networksOf } from '../model/network.js';
import { FORMAT_VERSION } from '../version.js';
import { approve } from './approve.js';
import { requirePrivilege } from './privilege.js';
import { SettingsCommand } from './settings-command.js';

export class Apply extends SettingsCommand {
  static override readonly summary = 'Make the changes that plan shows, and verify them';
  static override readonly description =
    "Acquires this node's lease if it has none, makes the changes in dependency order without a gap in traffic, and " +
    'looks again: an apply that does not read back as wanted fails.';
  static override readonly examples = ['<%= config.bin %> apply', '<%= config.bin %> apply --yes --json'];
  static override readonly flags = {
    yes: boolean({ char: 'y', aliases: ['auto-approve'], summary: 'Do not ask' }),
    'dry-run': boolean({ summary: 'Show the plan and stop' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Apply);
    const { settings } = await this.loadSettings(flags);
    const { openSession, applyOnce, applyText, planText, preview, lockHost } = await import('./engine.js');
    const session = await openSession(settings, this.signal);
    const adopt = settings.adopt ? 'yes' : 'no';
    const { signal } = this;
    try {
      if (flags['dry-run']) {
        const { document } = await preview({ session, adopt, signal });
        if (flags.json) this.print(document);
        else this.out(planText(document, this.colours));
        return EXIT.ok;
      }
      requirePrivilege('apply');
      const lock = lockHost({ ...settings, networks: networksOf(session.network), holder: 'flan apply' });
      try {
        const report = await applyOnce({
          session,
          adopt,
          signal,
          approve: async ({ document }) => {
            if (!flags.json) this.out(`${planText(document, this.colours)}\n`);
            return flags.yes ? 'yes' : approve('Apply these changes?', signal);
          },
        });
        const { outcomes, left } = report;
        await this.remember(settings, outcomes);
        const untried = signal.aborted ? left.length : 0;
        const failed = outcomes.filter(({ status }) => status !== 'done');
        if (flags.json) {
          this.print({
            format_version: FORMAT_VERSION,
            kind: 'flan.apply',
            ...{ plan: report.preview.document, verified: left.length === 0 && failed.length === 0 },
            ...{ outcomes: outcomes.map(outcomeDocument), left },
          });
        } else if (outcomes.length === 0) this.out(planText(report.preview.document, this.colours));
        else this.out(applyText({ outcomes, left, untried }, this.colours));
        if (signal.aborted) throw signal.reason;
        if (failed.length > 0) return EXIT.partial;
        return left.length > 0 ? EXIT.notRolledBack : EXIT.ok;
      } finally {
        lock.release();
      }
    } finally {
      await session.close();
    }
  }
}

const outcomeDocument = (outcome: { status: string; step: { action: string; key: string }; error?: FlanError }) => ({
  key: outcome.step.key,
  action: outcome.step.action,
  status: outcome.status,
  ...(outcome.error && { error: { code: outcome.error.code, message: outcome.error.message } }),
});
