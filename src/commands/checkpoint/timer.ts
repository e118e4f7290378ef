import { join } from 'node:path';
import { string } from '@oclif/core/flags';
import { EXIT, type ExitCode } from '../../exit-codes.js';
import type { JsonObject } from '../../model/json.js';
import { BaseCommand } from '../base.js';
import { checkpointArgument } from './argument.js';

/** Started by `apply --confirm`, and by systemd for it. */
export class CheckpointTimer extends BaseCommand {
  static override readonly hidden = true;
  static override readonly summary = 'Roll a checkpoint back when its time is over, unless it is confirmed before';
  static override readonly args = { id: checkpointArgument('required') };
  static override readonly flags = {
    'runtime-dir': string({ required: true, helpValue: 'PATH', summary: 'Where the checkpoint is' }),
  };

  override async run(): Promise<ExitCode> {
    const { args, flags } = await this.parse(CheckpointTimer);
    // A session that ends must not take this along.
    process.on('SIGHUP', () => undefined);
    const {
      announce,
      attend,
      Checkpoints,
      lockForRollback,
      openRecorded,
      rollBack,
      rollbackWords,
      systemClock,
      writeFileAtomic,
    } = await import('./engine.js');
    const runtimeDir = flags['runtime-dir'];
    const checkpoints = new Checkpoints(runtimeDir);
    const id = String(args.id);
    const first = checkpoints.get(id);
    // Opened now: what can fail, fails before anything is changed.
    const withheld = (first.withheld ?? []).length > 0 ? await secretsFrom(process.stdin) : {};
    const session = await openRecorded(first, this.signal, withheld);
    try {
      writeFileAtomic(join(checkpoints.folderOf(id), 'timer.pid'), `${process.pid}\n`, 0o600);
      const clock = systemClock;
      const { checkpoint, report } = await attend({
        ...{ checkpoints, id, clock, signal: this.signal },
        tryLock: () => lockForRollback(first, 'flan checkpoint timer'),
        rollBack: (why, from) => {
          const nowMs = clock.wallMs();
          const signal = new AbortController().signal;
          return rollBack({ ...{ checkpoints, id, why, runtimeDir, session, signal, nowMs }, hold: 'yes' }, from);
        },
      });
      if (report === undefined) {
        this.note(`checkpoint ${id} is ${checkpoint.state}: ${checkpoint.why}`);
        return EXIT.ok;
      }
      this.note(rollbackWords(report));
      await announce(rollbackWords(report));
      return report.left.length === 0 ? EXIT.confirmExpired : EXIT.notRolledBack;
    } finally {
      await session.close();
    }
  }
}

/** What `apply` hands over, which no file holds. */
async function secretsFrom(input: NodeJS.ReadableStream): Promise<JsonObject> {
  let text = '';
  for await (const chunk of input) text += String(chunk);
  return JSON.parse(text) as JsonObject;
}
