import { EXIT, type ExitCode } from '../exit-codes.js';
import { FORMAT_VERSION } from '../version.js';
import { SettingsCommand } from './settings-command.js';

export class Resume extends SettingsCommand {
  static override readonly summary = 'Let `watch` make again what was rolled back';
  static override readonly description =
    'After a rollback `flan watch` leaves what was rolled back alone until the leases or the settings want it otherwise. ' +
    'This ends that at once. Asks no lease store.';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Resume);
    const { settings } = await this.loadSettings(flags);
    const { endHold, isIn, listHolds } = await import('./checkpoint/engine.js');
    const { runtimeDir, netns } = settings;
    const holds = listHolds(runtimeDir).filter(isIn(netns));
    for (const { place } of holds) endHold({ runtimeDir, place });
    const ended = holds.map(({ checkpoint, keys }) => ({ checkpoint, keys: Object.keys(keys) }));
    if (flags.json) this.print({ format_version: FORMAT_VERSION, kind: 'flan.resume', ...{ ended } });
    else if (ended.length === 0) this.out('Nothing is on hold.\n');
    else for (const { checkpoint, keys } of ended) this.out(`No longer on hold: ${keys.join(', ')} (${checkpoint}).\n`);
    return EXIT.ok;
  }
}
