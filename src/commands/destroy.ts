import { boolean } from '@oclif/core/flags';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { networksOf } from '../model/network.js';
import { FORMAT_VERSION } from '../version.js';
import { APPROVAL_FLAGS, LOCK_FLAGS } from './apply/flags.js';
import { approveOrEnd } from './approve.js';
import { requirePrivilege } from './privilege.js';
import { SettingsCommand } from './settings-command.js';

export class Destroy extends SettingsCommand {
  static override readonly summary = 'Remove everything that flan made on this host';
  static override readonly description =
    "Only what carries flan's mark goes. The lease stays, unless --release is given.";
  static override readonly flags = {
    ...APPROVAL_FLAGS,
    release: boolean({ summary: 'Give the lease back too: another node may get the subnet' }),
    'dry-run': boolean({ summary: 'Show what would go and stop' }),
    ...LOCK_FLAGS,
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Destroy);
    const { settings } = await this.loadSettings(flags);
    const { openSession, destroy, previewDestroy, changesText, applyText } = await import('./engine.js');
    const { lockHostWithin } = await import('./host-lock.js');
    const session = await openSession(settings, this.signal);
    const { signal } = this;
    const input = { session, signal, lease: flags.release ? 'release' : 'keep' } as const;
    try {
      if (!flags['dry-run']) requirePrivilege('destroy');
      const lock = flags['dry-run']
        ? undefined
        : await lockHostWithin({
            ...{ ...settings, networks: networksOf(session.network), holder: 'flan destroy' },
            ...{ within: flags['lock-timeout'], signal },
          });
      try {
        const shown = await previewDestroy(input);
        if (!flags['dry-run']) {
          const { refuseHere } = await import('./apply/refuse.js');
          refuseHere(shown.plan, { settings, network: session.network });
        }
        const document = {
          format_version: FORMAT_VERSION,
          kind: 'flan.destroy',
          plan: shown.plan,
          foreign: shown.foreign,
        };
        if (!flags.json) this.out(changesText(shown.plan, shown.foreign, this.colours));
        else if (flags['dry-run']) this.print(document);
        if (flags['dry-run']) return EXIT.ok;
        if (shown.plan.steps.length === 0) {
          if (flags.json) this.print({ ...document, ...{ verified: true, outcomes: [], left: [] } });
          return EXIT.ok;
        }
        if (!flags.yes) await approveOrEnd('Remove all of this?', signal);
        const outcomes = await destroy(shown, input);
        await this.remember(settings, outcomes);
        const failed = outcomes.filter(({ status }) => status !== 'done').length;
        const tried = new Set(outcomes.map(({ step }) => step.key));
        const left = signal.aborted
          ? shown.plan.steps.filter(({ key }) => !tried.has(key))
          : (await previewDestroy({ ...input, lease: 'keep' })).plan.steps;
        const untried = signal.aborted ? left.length : 0;
        if (flags.json) {
          const told = outcomes.map((outcome) => {
            const { step, status } = outcome;
            const error = outcome.status === 'done' ? undefined : outcome.error;
            return { key: step.key, status, ...(error && { error: { code: error.code, message: error.message } }) };
          });
          this.print({ ...document, ...{ verified: left.length === 0 && failed === 0, outcomes: told, left } });
        } else this.out(applyText({ outcomes, left, untried }, this.colours));
        if (signal.aborted) throw signal.reason;
        if (failed > 0) return EXIT.partial;
        return left.length > 0 ? EXIT.notRolledBack : EXIT.ok;
      } finally {
        lock?.release();
      }
    } finally {
      await session.close();
    }
  }
}
