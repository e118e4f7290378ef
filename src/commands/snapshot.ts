import { string } from '@oclif/core/flags';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { SettingsCommand } from './settings-command.js';
import { STDIO } from './stdio.js';

export class Snapshot extends SettingsCommand {
  static override readonly summary = 'Write down this host and its leases, to plan for it somewhere else';
  static override readonly description =
    'One JSON document with the interfaces, what flan holds here, what stands in its way, the leases and the settings ' +
    'that matter: all that a plan follows from, and no secret. `flan plan --snapshot FILE` plans for this host anywhere, ' +
    'without privilege. What the commands of an extension are called with is in it as the network config has it.';
  static override readonly examples = [
    '<%= config.bin %> snapshot --out snapshots/$(hostname).json',
    '<%= config.bin %> snapshot | ssh build flan plan --snapshot -',
  ];
  static override readonly flags = {
    out: string({ helpValue: 'FILE', summary: 'Write to a file, in one step, instead of to stdout' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Snapshot);
    const { settings } = await this.loadSettings(flags);
    const path = flags.out === STDIO ? undefined : flags.out;
    const { openSession } = await import('./engine.js');
    const { groundwork, takeSnapshot, writeSnapshot } = await import('./snapshot-engine.js');
    const session = await openSession(settings, this.signal);
    try {
      const adopt = settings.adopt ? 'yes' : 'no';
      const snapshot = await takeSnapshot({
        ...{ session, adopt, nowMs: Date.now(), signal: this.signal },
        groundwork: groundwork(session, settings),
      });
      if (path === undefined || flags.json) this.print(snapshot);
      if (path === undefined) return EXIT.ok;
      writeSnapshot(path, snapshot);
      const { identity, leases, observed } = snapshot;
      this.note(`Saved as ${path}: ${identity.node}, ${leases.length} leases, ${observed.length} objects.`);
      return EXIT.ok;
    } finally {
      await session.close();
    }
  }
}
