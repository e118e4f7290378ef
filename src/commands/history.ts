import { integer, option, string } from '@oclif/core/flags';
import { parseDuration } from '../config/duration.js';
import { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { HISTORY_KINDS } from '../report/history-kinds.js';
import { FORMAT_VERSION } from '../version.js';
import { SettingsCommand } from './settings-command.js';

export class History extends SettingsCommand {
  static override readonly summary = 'Show what was changed on this node: by flan, and by others';
  static override readonly description =
    `Drift, repairs, fights and failures as \`flan watch\` met them, and what watch, apply and destroy changed. Kept in the
state directory across restarts and reboots, the newest few megabytes of it. Needs no lease store.`;
  static override readonly examples = [
    '<%= config.bin %> history',
    '<%= config.bin %> history --since 2h --kind drift --kind repair',
    '<%= config.bin %> history -n 0 --json | jq ".entries[] | select(.key==\\"route/main/10.244.2.0/24\\")"',
  ];
  static override readonly flags = {
    since: string({ helpValue: 'TIME', summary: 'Only what is newer: a duration (2h, 3d) or a time (ISO 8601)' }),
    kind: option({
      options: HISTORY_KINDS,
      multiple: true,
      summary: 'Only this kind; may be repeated',
    })(),
    last: integer({ char: 'n', min: 0, default: 50, helpValue: 'COUNT', summary: 'The newest so many; 0 for all' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(History);
    const { settings } = await this.loadSettings(flags);
    const { historyPath, historyText, readHistory, selectHistory } = await import('./history-engine.js');
    const sinceMs = flags.since === undefined ? undefined : timeOf(flags.since, Date.now());
    const entries = selectHistory(readHistory(settings), { sinceMs, kinds: flags.kind, last: flags.last });
    if (flags.json) this.print({ format_version: FORMAT_VERSION, kind: 'flan.history', ...{ entries } });
    else if (entries.length > 0) this.out(historyText(entries, this.colours));
    else this.note(`Nothing of that in ${historyPath(settings)}.`);
    return EXIT.ok;
  }
}

/** Milliseconds since 1970. @throws {FlanError} E_USAGE */
function timeOf(text: string, nowMs: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return nowMs - ago;
  const at = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new FlanError('E_USAGE', `--since must be a duration or a time, not '${text}'`, {
    where: 'flag --since',
    hint: 'Write 30m, 2h or 3d, or a time such as 2026-11-23T08:00:00Z.',
  });
}
