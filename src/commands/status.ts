import { boolean, string } from '@oclif/core/flags';
import { parseDuration } from '../config/duration.js';
import { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { SettingsCommand } from './settings-command.js';

export class Status extends SettingsCommand {
  static override readonly summary = 'Show on one screen how this node does, and what is not in order';
  static override readonly description =
    `Looks at store and kernel, and reads what a running \`flan watch\` says: lease, peers, drift, tunnels with their last
handshake and traffic, who holds the lock, the last apply. Changes nothing. While the store is away the daemon's word
stands alone.`;
  static override readonly examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --wait --timeout 2m',
    '<%= config.bin %> status --detailed-exitcode -o json | jq .problems',
  ];
  static override readonly flags = {
    wait: boolean({ summary: 'Wait until all is in order' }),
    timeout: string({ default: '1m', helpValue: 'DURATION', summary: 'How long to wait at most' }),
    'detailed-exitcode': boolean({ summary: 'Exit with 2 when something is not in order' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Status);
    const { settings } = await this.loadSettings(flags);
    const timeoutMs = timeoutOf(flags.timeout);
    const { openStatus, statusText, waitForOrder } = await import('./status-engine.js');
    const { signal } = this;
    const source = openStatus(settings);
    try {
      const found = flags.wait ? await waitForOrder({ source, timeoutMs, signal }) : await source.now(signal);
      if (flags.json) this.print(found);
      else this.out(statusText(found, this.colours));
      return flags['detailed-exitcode'] && found.state !== 'in order' ? EXIT.changes : EXIT.ok;
    } finally {
      await source.close();
    }
  }
}

function timeoutOf(text: string): number {
  const timeoutMs = parseDuration(text);
  if (timeoutMs !== undefined) return timeoutMs;
  throw new FlanError('E_USAGE', `--timeout must be a duration, not '${text}'`, {
    where: 'flag --timeout',
    hint: 'Write 30s or 2m.',
  });
}
