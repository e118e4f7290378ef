import { string } from '@oclif/core/args';
import { boolean, option } from '@oclif/core/flags';
import { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Preview } from '../reconcile/preview.js';
import { outcomeDocument } from '../report/outcome-document.js';
import { FORMAT_VERSION } from '../version.js';
import { APPROVAL_FLAGS, SAFETY_FLAGS, TARGET_FLAGS } from './apply/flags.js';
import { requirePrivilege } from './privilege.js';
import { SettingsCommand } from './settings-command.js';

export class Apply extends SettingsCommand {
  static override readonly summary = 'Make the changes that plan shows, and verify them';
  static override readonly description =
    `Acquires this node's lease if it has none, makes the changes in dependency order without a gap in traffic, and looks
again: an apply that does not read back as wanted fails.

With --confirm the changes are undone unless \`flan confirm\` is run in time, whatever becomes of this process, its shell
and the connection to this host. With --probe they are undone when something that worked before does not work after.
What an apply of fewer than 100 changes did can be undone later by \`flan rollback\`.`;
  static override readonly examples = [
    '<%= config.bin %> apply',
    '<%= config.bin %> apply --yes --json',
    '<%= config.bin %> apply --yes -o ndjson | jq -c "{key, done, of}"',
    '<%= config.bin %> apply --confirm 2m',
    '<%= config.bin %> apply --yes --confirm auto --probe tcp://192.168.10.2:22 --probe store',
    '<%= config.bin %> apply --target "route/main/10.244.3.*"',
  ];
  static override readonly args = {
    plan: string({
      description: 'A file that `flan plan --out` wrote, or - for stdin: exactly these changes, and nobody is asked',
    }),
  };
  static override readonly flags = {
    'allow-stale': option({
      options: ['desired', 'kernel'] as const,
      multiple: true,
      multipleNonGreedy: true,
      summary: 'Apply a saved plan though the leases (desired) or the host (kernel) have moved since',
    })(),
    ...APPROVAL_FLAGS,
    output: option({
      char: 'o',
      options: ['text', 'json', 'ndjson'] as const,
      default: 'text' as const,
      summary: 'Format: text, json (one document at the end), ndjson (a line for each change when it is made)',
    })(),
    'dry-run': boolean({ summary: 'Show the plan and stop' }),
    ...TARGET_FLAGS,
    ...SAFETY_FLAGS,
  };

  override async run(): Promise<ExitCode> {
    const { flags, args } = await this.parse(Apply);
    if (flags.wait && flags.confirm === undefined) {
      throw new FlanError(
        'E_USAGE',
        '--wait waits for the confirmation that --confirm asks for, and that is not given',
        {
          hint: 'Add --confirm 2m, or leave --wait away.',
        },
      );
    }
    const { settings } = await this.loadSettings(flags);
    const allowStale = flags['allow-stale'] ?? [];
    const format = flags.json ? 'json' : flags.output;
    const saved =
      args.plan === undefined
        ? undefined
        : await (await import('./saved-plan.js')).usePlan({ path: args.plan, settings, allowStale });
    const { openSession, applyText, planText, preview } = await import('./engine.js');
    const safely = await import('./apply/engine.js');
    const session = await openSession(settings, this.signal);
    const adopt = saved?.adopt ?? (settings.adopt ? 'yes' : 'no');
    const { signal } = this;
    const revise = (whole: Preview): Preview => (saved === undefined ? whole : countedAs(whole, saved.revise(whole)));
    try {
      if (flags['dry-run']) {
        const part = safely.inPart(revise(await preview({ session, adopt, signal })), flags);
        const { document } = await safely.withRisks(part, settings);
        if (format === 'json') this.print(document);
        else if (format === 'ndjson') safely.applyStream((text) => this.out(text)).plan(document, 'ends');
        else this.out(planText(document, this.colours));
        return EXIT.ok;
      }
      requirePrivilege('apply');
      const lock = await safely.lockFor({ settings, session, flags, signal });
      const stream = format === 'ndjson' ? safely.applyStream((text) => this.out(text)) : undefined;
      const progress = safely.progressOn(process.stderr, () => performance.now());
      try {
        const report = await safely.applySafely({
          ...{ session, settings, flags, adopt, signal, revise, onProgress: stream?.onProgress ?? progress.onProgress },
          note: (line) => this.note(line),
          approve: async ({ document }, risks) => {
            const isAsked = !flags.yes && saved === undefined;
            if (format === 'text') this.out(`${planText(document, this.colours)}\n`);
            // Nobody can agree to what is not shown.
            else if (isAsked) this.note(planText(document, this.errorColours));
            if (!isAsked) safely.refuseRisks(risks);
            const answer = isAsked ? await safely.approvePlan(risks, signal) : 'yes';
            if (answer === 'yes') saved?.begin();
            stream?.plan(document, answer === 'yes' ? 'starts' : 'ends');
            return answer;
          },
        });
        progress.clear();
        const { outcomes, left } = report;
        await this.remember(settings, outcomes);
        const untried = signal.aborted ? left.length : 0;
        const failed = outcomes.filter(({ status }) => status !== 'done');
        if (stream !== undefined) {
          if (outcomes.length === 0) stream.plan(report.preview.document, 'ends');
          stream.result(report);
        } else if (format === 'json') {
          this.print({
            format_version: FORMAT_VERSION,
            kind: 'flan.apply',
            ...{ plan: report.preview.document, verified: left.length === 0 && failed.length === 0 },
            ...{ outcomes: outcomes.map(outcomeDocument), left },
            ...safely.safetyDocument(report),
          });
        } else if (outcomes.length === 0) this.out(planText(report.preview.document, this.colours));
        else this.out(applyText({ outcomes, left, untried }, this.colours));
        if (format === 'text') for (const line of safely.safetyLines(report)) this.out(`${line}\n`);
        if (signal.aborted) throw signal.reason;
        if (flags.wait) {
          lock.release();
          await safely.waitForConfirmation({ settings, session, report, signal });
        }
        return safely.exitOf(report);
      } finally {
        progress.clear();
        lock.release();
      }
    } finally {
      await session.close();
    }
  }
}

/** A saved plan looks at what it touches alone: how much is as it should be is known of the whole. */
function countedAs({ plan: { unchanged } }: Preview, part: Preview): Preview {
  const plan = { ...part.plan, unchanged };
  const summary = { ...part.document.summary, unchanged };
  return { ...part, plan, document: { ...part.document, plan, summary } };
}
