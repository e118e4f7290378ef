import { boolean } from '@oclif/core/flags';
import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';

export class ConfigShow extends SettingsCommand {
  static override readonly summary = 'Show the settings in force';
  static override readonly flags = {
    origin: boolean({ summary: 'Say where each value comes from' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(ConfigShow);
    const loaded = await this.loadSettings(flags);
    const [{ showSettings }, { printable }, { table }] = await Promise.all([
      import('../../config/show.js'),
      import('../../report/printable.js'),
      import('../../report/table.js'),
    ]);
    const rows = showSettings(loaded);
    if (flags.json) this.print({ format_version: FORMAT_VERSION, kind: 'flan.config', ...{ settings: rows } });
    else {
      const cells = rows.map(({ key, value, origin }) =>
        flags.origin ? [key, value || '-', origin] : [key, value || '-'],
      );
      this.out(table(cells.map((row) => row.map(printable))));
    }
    return EXIT.ok;
  }
}
