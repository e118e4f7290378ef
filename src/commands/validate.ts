import { EXIT, type ExitCode } from '../exit-codes.js';
import { FORMAT_VERSION } from '../version.js';
import { SettingsCommand } from './settings-command.js';

export class Validate extends SettingsCommand {
  static override readonly summary = 'Check settings, network config, leases and interface without looking at routes';
  static override readonly description =
    'Exits with 78 when settings or network config are wrong, 65 when a lease is, 0 when all is well.';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Validate);
    const { settings } = await this.loadSettings(flags);
    const { openSession, preview } = await import('./engine.js');
    const session = await openSession(settings, this.signal);
    try {
      const { document } = await preview({ session, adopt: 'no', signal: this.signal });
      const { quarantined, warnings, node, backend, store, peers, external } = document;
      if (flags.json) {
        const about = { valid: quarantined.length === 0, node, backend, store, peers, external, quarantined, warnings };
        this.print({ format_version: FORMAT_VERSION, kind: 'flan.validate', ...about });
      } else {
        for (const { entry, message } of quarantined) this.out(`${this.colours.red('wrong')}  ${entry}  ${message}\n`);
        for (const { code, message } of warnings) this.out(`${this.colours.yellow('doubt')}  ${message} (${code})\n`);
        const verdict = quarantined.length === 0 ? this.colours.green('valid') : `${quarantined.length} wrong`;
        this.out(
          `${verdict}: ${backend} on ${external.map(({ dev }) => dev).join(' and ')}, ${store}, ${peers} ${peers === 1 ? 'peer' : 'peers'}\n`,
        );
      }
      return quarantined.length === 0 ? EXIT.ok : EXIT.data;
    } finally {
      await session.close();
    }
  }
}
