import { boolean, option, string } from '@oclif/core/flags';
import { parseDuration } from '../config/duration.js';
import { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { TARGET_FLAGS } from './apply/flags.js';
import { DRIFT, PLAN_OUTPUT } from './plan-flags.js';
import { SettingsCommand } from './settings-command.js';
import { STDIO } from './stdio.js';

const VALID_FOR = '24h';

export class Plan extends SettingsCommand {
  static override readonly summary = 'Show what apply would change, and why';
  static override readonly description =
    'Computes the routes, tunnels, neighbours, rules and files that this node should hold from the leases, reads what it ' +
    'does hold, and shows the difference. Changes nothing and needs no privilege.';
  static override readonly examples = [
    '<%= config.bin %> plan',
    '<%= config.bin %> plan --detailed-exitcode --json | jq .summary',
    '<%= config.bin %> plan -o ip',
    '<%= config.bin %> plan --drift --detailed-exitcode',
    '<%= config.bin %> plan --out change.flanplan && <%= config.bin %> apply change.flanplan',
    '<%= config.bin %> plan --snapshot snapshots/*.json -o markdown',
  ];
  static override readonly flags = {
    output: PLAN_OUTPUT(),
    diff: boolean({ summary: 'The same as -o diff', exclusive: ['output'] }),
    'detailed-exitcode': boolean({ summary: 'Exit with 2 when there is something to change' }),
    summary: boolean({ summary: 'Print the last line only' }),
    'summary-json': string({ helpValue: 'FILE', summary: 'Also write the counts to a file, as one line of JSON' }),
    verbose: boolean({ summary: 'List what stays as it is too' }),
    'show-foreign': boolean({ summary: "List what is not flan's and stands on or near what is" }),
    out: string({
      helpValue: 'FILE',
      summary: 'Save the plan, for `apply FILE`: as it is, once, or not at all; -: to stdout',
    }),
    'valid-for': string({
      helpValue: 'TIME',
      dependsOn: ['out'],
      summary: `How long the saved plan may be applied [default: ${VALID_FOR}]`,
    }),
    snapshot: string({
      helpValue: 'FILE',
      // Takes all that a shell makes of snapshots/*.json.
      multiple: true,
      exclusive: ['out', 'show-foreign', 'verbose'],
      summary: 'Plan for the host of what `flan snapshot` wrote instead of this one; several; -: stdin',
    }),
    drift: DRIFT,
    ...TARGET_FLAGS,
    'leases-from': option({
      options: ['store', 'snapshot'] as const,
      dependsOn: ['snapshot'],
      summary: 'Whose leases to plan with; default: the store if the settings name one, else the snapshot',
    })(),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Plan);
    const validFor = flags['valid-for'] ?? VALID_FOR;
    const validMs = parseDuration(validFor);
    if (validMs === undefined || validMs === 0) {
      throw new FlanError('E_USAGE', `--valid-for must be a time like 30m or 24h, not '${validFor}'`, {
        hint: 'Write a number and a unit: s, m, h or d.',
      });
    }
    const loaded = await this.loadSettings(flags);
    const format = flags.json ? 'json' : flags.diff ? 'diff' : flags.output;
    const isSavedToStdout = flags.out === STDIO;
    if (isSavedToStdout && format !== 'text') {
      throw new FlanError('E_USAGE', `stdout cannot take the saved plan and the plan as ${format}`, {
        hint: 'Give --out a file, or leave the format away: what --out - writes is JSON.',
      });
    }
    // Data on stdout: who looks on reads the plan beside it.
    const tell = (text: string): void => (isSavedToStdout ? this.note(text.trimEnd()) : this.out(text));
    const paint = isSavedToStdout ? this.errorColours : this.colours;
    const summaryFile = flags['summary-json'];
    const onChanges = flags['detailed-exitcode'] ? EXIT.changes : EXIT.ok;
    if (flags.snapshot !== undefined) {
      const { planFleet, renderFleet, fleetLine, writeSummary } = await import('./fleet-plan.js');
      const asked = { paths: flags.snapshot, targets: flags, leasesFrom: flags['leases-from'] };
      const { document, code } = await planFleet({ ...asked, loaded, signal: this.signal });
      if (summaryFile !== undefined) writeSummary(summaryFile, document);
      if (format === 'json') this.print(document);
      else if (flags.summary) this.out(`${fleetLine(document.summary)}\n`);
      else this.out(renderFleet(document, format, this.colours));
      return code !== EXIT.ok ? code : document.summary.changing > 0 ? onChanges : EXIT.ok;
    }
    const { settings } = loaded;
    // A mistake is told also where there is nothing to choose from.
    if (flags.target !== undefined || flags.exclude !== undefined)
      (await import('./apply/choices.js')).targetsOf(flags);
    const { openSession, preview, planText, summaryLine } = await import('./engine.js');
    const session = await openSession(settings, this.signal);
    try {
      const adopt = settings.adopt ? 'yes' : 'no';
      const { withGroundwork } = await import('./plan-groundwork.js');
      const found = await preview({ session, adopt, signal: this.signal });
      let seen = { ...found, document: withGroundwork({ preview: found, session, settings }) };
      // Nothing to do is nothing to choose from, and risks nothing.
      if (seen.plan.steps.length > 0) {
        const { inPart, withRisks } = await import('./apply/engine.js');
        seen = await withRisks(inPart(seen, flags), settings);
      }
      if (flags.drift) seen = (await import('./plan-drift.js')).driftOnly(seen, settings);
      let { document } = seen;
      if (flags.verbose || flags['show-foreign']) {
        const { withObjects } = await import('./plan-objects.js');
        const also = { unchanged: flags.verbose, foreign: flags['show-foreign'] };
        document = await withObjects({ session, seen, also, signal: this.signal });
      }
      if (format === 'json') this.print(document);
      else if (flags.summary) tell(`${summaryLine(document.summary)}\n`);
      else if (format === 'text') tell(planText(document, paint));
      else this.out((await import('./plan-output.js')).renderPlan(document, format));
      if (summaryFile !== undefined) (await import('./fleet-plan.js')).writeSummary(summaryFile, document);
      if (flags.out !== undefined) {
        const { savePlanTo, savedLine } = await import('./saved-plan.js');
        const saved = savePlanTo({ path: flags.out, preview: seen, settings, validMs });
        if (!isSavedToStdout) this.note(savedLine(flags.out, saved));
      }
      const isSettled = document.plan.steps.length === 0 && document.plan.conflicts.length === 0;
      return isSettled ? EXIT.ok : onChanges;
    } finally {
      await session.close();
    }
  }
}
