import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled } from '../../drivers/run-tool.js';
import { FlanError } from '../../errors.js';
import type { JsonObject } from '../../model/json.js';
import type { Checkpoint, Checkpoints, TimerOwner } from '../../reconcile/checkpoint.js';

export interface ArmInput {
  readonly checkpoints: Checkpoints;
  readonly runtimeDir: string;
  readonly checkpoint: Checkpoint;
  /** When systemd is to start the timer. */
  readonly inMs: number;
  /** What the checkpoint does not hold: handed over without touching a disk or a command line. */
  readonly secrets: JsonObject;
}

/** Loading the program on a busy machine takes its time. */
const START_MS = 15_000;
const LOOK_MS = 20;

/**
 * Starts somebody who rolls back when time is over and outlives this process, its shell and its session: systemd where
 * it runs, else a process in a session of its own.
 * @throws {FlanError} E_TIMER
 */
export async function arm(input: ArmInput): Promise<TimerOwner> {
  return armSystemd(input) ?? (await armProcess(input));
}

/** The words that start the timer. */
export const timerCommand = ({ checkpoint, runtimeDir }: Pick<ArmInput, 'checkpoint' | 'runtimeDir'>): string[] => [
  ...process.execArgv,
  launcher(),
  ...['checkpoint', 'timer', checkpoint.id, '--runtime-dir', runtimeDir],
];

/** What this process was started as. */
function launcher(): string {
  const script = process.argv[1];
  if (script !== undefined && existsSync(script)) return script;
  return fileURLToPath(new URL('../../../bin/flan.js', import.meta.url));
}

/** @see systemd-run(1), sd_booted(3) */
export const systemdRunArguments = (unit: string, inMs: number, command: readonly string[]): string[] => [
  ...['--quiet', '--collect', `--unit=${unit}`, '--description=flan: roll back unless confirmed'],
  ...[`--on-active=${Math.max(1, Math.round(inMs / 1000))}s`, '--timer-property=AccuracySec=100ms'],
  ...['--property=KillMode=process', '--', ...command],
];

function armSystemd(input: ArmInput): TimerOwner | undefined {
  // A unit is for everybody to read, so a secret cannot go that way.
  if (Object.keys(input.secrets).length > 0) return undefined;
  if (!existsSync('/run/systemd/system') || !isInstalled('systemd-run', {})) return undefined;
  const unit = `flan-confirm-${input.checkpoint.id}`;
  const args = systemdRunArguments(unit, input.inMs, [process.execPath, ...timerCommand(input)]);
  // Where it refuses (a container without its bus) a process serves as well.
  return spawnSync('systemd-run', args, { stdio: 'ignore' }).status === 0 ? { by: 'systemd', unit } : undefined;
}

async function armProcess(input: ArmInput): Promise<TimerOwner> {
  const folder = input.checkpoints.folderOf(input.checkpoint.id);
  const log = openSync(join(folder, 'timer.log'), 'a', 0o600);
  // `detached` is setsid(2): no terminal that hangs up, no process group that is killed with the shell's.
  const child = spawn(process.execPath, timerCommand(input), { cwd: '/', detached: true, stdio: ['pipe', log, log] });
  closeSync(log);
  // Where it ends at once there is nobody to read this.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(JSON.stringify(input.secrets));
  child.unref();
  let isOver = false;
  for (const event of ['error', 'exit']) {
    child.once(event, () => {
      isOver = true;
    });
  }
  for (let waitedMs = 0; waitedMs < START_MS && !isOver; waitedMs += LOOK_MS) {
    // It says so itself, once nothing more than time can keep it from its work.
    if (existsSync(join(folder, 'timer.pid'))) {
      return { by: 'process', pid: Number(readFileSync(join(folder, 'timer.pid'), 'utf8')) };
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  child.kill('SIGKILL');
  throw new FlanError('E_TIMER', 'no process could be started that rolls back in time, so nothing was changed', {
    where: join(folder, 'timer.log'),
    hint: 'See the log for its error, or apply without --confirm.',
  });
}
