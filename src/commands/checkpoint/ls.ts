import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';
import { summaryOf } from './summary.js';

export class CheckpointLs extends SettingsCommand {
  static override readonly summary = 'List what applies have written down to be rolled back';
  static override readonly description = 'The newest last. Of this host only, since it started.';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(CheckpointLs);
    const { settings } = await this.loadSettings(flags);
    const { Checkpoints, checkpointsText, isIn } = await import('./engine.js');
    const found = new Checkpoints(settings.runtimeDir).list().filter(isIn(settings.netns));
    if (flags.json) {
      this.print({
        format_version: FORMAT_VERSION,
        kind: 'flan.checkpoints',
        ...{ checkpoints: found.map(summaryOf) },
      });
    } else this.out(checkpointsText(found, this.colours));
    return EXIT.ok;
  }
}
