import { EXIT, type ExitCode } from '../../exit-codes.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';
import { checkpointArgument } from './argument.js';
import { summaryOf } from './summary.js';

export class CheckpointShow extends SettingsCommand {
  static override readonly summary = 'Show what one apply has changed, as it was before and after';
  static override readonly args = { id: checkpointArgument('required') };

  override async run(): Promise<ExitCode> {
    const { args, flags } = await this.parse(CheckpointShow);
    const { settings } = await this.loadSettings(flags);
    const { Checkpoints, checkpointText } = await import('./engine.js');
    const checkpoints = new Checkpoints(settings.runtimeDir);
    const checkpoint = checkpoints.get(String(args.id));
    const images = [...checkpoints.images(checkpoint.id).values()];
    if (flags.json) {
      const document = { format_version: FORMAT_VERSION, kind: 'flan.checkpoint' } as const;
      this.print({ ...document, ...summaryOf(checkpoint), ...{ changes: images } });
    } else this.out(checkpointText(checkpoint, images, this.colours));
    return EXIT.ok;
  }
}
