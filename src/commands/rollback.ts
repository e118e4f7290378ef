import { boolean } from '@oclif/core/flags';
import type { Settings } from '../config/settings.js';
import { asFlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Checkpoint, Checkpoints } from '../reconcile/checkpoint.js';
import type { RollbackReport } from '../reconcile/rollback.js';
import type { Session } from '../reconcile/session.js';
import type { HistoryEntry } from '../report/history-entry.js';
import { FORMAT_VERSION } from '../version.js';
import { APPROVAL_FLAGS } from './apply/flags.js';
import { approveOrEnd } from './approve.js';
import { checkpointArgument } from './checkpoint/argument.js';
import { requirePrivilege } from './privilege.js';
import { SettingsCommand } from './settings-command.js';

type Engine = typeof import('./checkpoint/engine.js');

/** The last apply that still stands. */
const LAST = 'last';
/** `watch` that waits for a confirmation, or a timer, does it within a second or so. */
const HOLDER_MS = 30_000;
const LOOK_MS = 200;

export class Rollback extends SettingsCommand {
  static override readonly summary = 'Undo what an apply has changed';
  static override readonly description =
    `Brings back what was there before that apply, whatever part of it has happened, and verifies it by looking again. What
others have changed since is left alone. Asks no lease store. \`flan watch\` does not make again what was rolled back until
the leases or the settings want it otherwise, or until \`flan resume\`.`;
  static override readonly examples = ['<%= config.bin %> rollback', '<%= config.bin %> rollback last --yes'];
  static override readonly args = {
    id: checkpointArgument('optional', 'Which one, or last; default: the one that waits to be confirmed, else last'),
  };
  static override readonly flags = {
    ...APPROVAL_FLAGS,
    'dry-run': boolean({ summary: 'Show what would be undone and stop' }),
  };

  override async run(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Rollback);
    const { settings } = await this.loadSettings(flags);
    const engine = await import('./checkpoint/engine.js');
    const { signal } = this;
    const checkpoints = new engine.Checkpoints(settings.runtimeDir);
    const chosen = (): Checkpoint => {
      if (args.id !== undefined && args.id !== LAST) return checkpoints.get(args.id);
      const all = checkpoints.list().filter(engine.isIn(settings.netns));
      const waiting = args.id === undefined ? engine.waitingOf(all) : undefined;
      const imagesOf = ({ id }: Checkpoint) => checkpoints.images(id);
      return waiting ?? engine.lastStanding({ all, imagesOf, history: this.#history(engine, settings) });
    };
    const checkpoint = chosen();
    const { id } = checkpoint;
    if (!flags['dry-run']) requirePrivilege('rollback');
    const withheld = await engine.withheldFromStore(checkpoint, settings, (line) => this.note(line));
    const session = await engine.openRecorded(checkpoint, signal, withheld);
    try {
      const images = checkpoints.images(id);
      const { steps, moved } = await engine.previewRollback({ checkpoint, images, session, signal });
      const document = { format_version: FORMAT_VERSION, kind: 'flan.rollback', ...{ id, steps, moved } };
      if (!flags.json) {
        const shown = { steps, conflicts: [], unchanged: images.size - steps.length };
        this.out(engine.changesText(shown, {}, this.colours));
        for (const key of moved) this.out(`  ${key}: changed by others since, left alone\n`);
      } else if (flags['dry-run']) this.print(document);
      if (flags['dry-run']) return EXIT.ok;
      if (steps.length > 0 && !flags.yes) await approveOrEnd('Undo these changes?', signal);
      const report = await rollBackOrWait({ engine, checkpoints, checkpoint, session, signal });
      const { state } = checkpoints.get(id);
      const { outcomes, left } = report ?? { outcomes: [], left: [] };
      if (flags.json) {
        const told = outcomes.map(({ step, status }) => ({ key: step.key, action: step.action, status }));
        this.print({ ...document, ...{ state, outcomes: told, left } });
      } else {
        if (report !== undefined) this.out(engine.applyText({ outcomes, left, untried: 0 }, this.colours));
        this.out(`Checkpoint ${id} is ${state}.\n`);
      }
      return state === 'rolled-back' ? EXIT.ok : EXIT.notRolledBack;
    } finally {
      await session.close();
    }
  }

  /** A history that may not be read keeps nobody from rolling back. */
  #history({ readHistory }: Engine, settings: Settings): readonly HistoryEntry[] {
    try {
      return readHistory(settings);
    } catch (cause) {
      this.note(`whether something was changed since is not known: ${asFlanError(cause).message}`);
      return [];
    }
  }
}

interface RollBackInput {
  readonly engine: Engine;
  readonly checkpoints: Checkpoints;
  readonly checkpoint: Checkpoint;
  readonly session: Session;
  readonly signal: AbortSignal;
}

/**
 * Rolls back, or has it done by whoever holds the lock and waits for the same checkpoint.
 * @throws {FlanError} E_LOCKED when another flan keeps the lock and does not do it
 */
async function rollBackOrWait(input: RollBackInput): Promise<RollbackReport | undefined> {
  const { engine, checkpoints, checkpoint, session, signal } = input;
  const { id } = checkpoint;
  const clock = engine.systemClock;
  const why = 'asked for';
  const endMs = clock.nowMs() + (engine.isWaiting(checkpoint) ? HOLDER_MS : 0);
  for (;;) {
    const lock =
      clock.nowMs() < endMs ? engine.lockForRollback(checkpoint, 'flan rollback') : engine.lockOf(checkpoint);
    if (lock !== undefined) {
      try {
        const { runtimeDir } = checkpoints;
        const never = new AbortController().signal;
        const nowMs = clock.wallMs();
        return await engine.rollBack({
          ...{ checkpoints, id, why, runtimeDir, session, signal: never, nowMs },
          hold: 'yes',
        });
      } finally {
        lock.release();
      }
    }
    await checkpoints.change(id, { from: ['applying', 'pending'], to: { state: 'rolling-back', why } });
    if (!engine.isWaiting(checkpoints.get(id))) return undefined;
    await engine.sleep(clock, LOOK_MS, signal);
  }
}
