import { EXIT, type ExitCode } from '../exit-codes.js';
import { FORMAT_VERSION } from '../version.js';
import { checkpointArgument } from './checkpoint/argument.js';
import { SettingsCommand } from './settings-command.js';

export class Confirm extends SettingsCommand {
  static override readonly summary = 'Keep what `apply --confirm` has changed';
  static override readonly description =
    'Asks no lease store. When it comes too late it says so and ends with 6: everything is rolled back then, or is being.';
  static override readonly examples = ['<%= config.bin %> confirm'];
  static override readonly args = {
    id: checkpointArgument('optional', 'Which checkpoint; not needed when only one waits'),
  };

  override async run(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Confirm);
    const { settings } = await this.loadSettings(flags);
    const { Checkpoints, confirm, isIn, toConfirm } = await import('./checkpoint/engine.js');
    const checkpoints = new Checkpoints(settings.runtimeDir);
    const here = () => checkpoints.list().filter(isIn(settings.netns));
    const id = args.id ?? toConfirm(here()).id;
    const { state, why } = await confirm(checkpoints, { id, why: 'confirmed' });
    if (flags.json) this.print({ format_version: FORMAT_VERSION, kind: 'flan.confirm', ...{ id, state, why } });
    else this.out(`Checkpoint ${id} is ${state}${state === why ? '' : ` (${why})`}.\n`);
    return EXIT.ok;
  }
}
