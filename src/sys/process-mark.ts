import { readFileSync } from 'node:fs';

/** A process and when it started: numbers are used again, these pairs are not. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks since boot. @see proc_pid_stat(5), field 22 */
  readonly started: string;
}

/** @returns undefined when there is no such process */
export function markOf(pid: number): ProcessMark | undefined {
  const started = statFields(pid)?.[19];
  return started === undefined ? undefined : { pid, started };
}

/** Whether it has neither ended nor left its number to another one. */
export const isRunning = (mark: ProcessMark): boolean =>
  markOf(mark.pid)?.started === mark.started && !isZombie(mark.pid);

/** Has ended, and nobody has asked how: in a container there may be nobody who does. */
export const isZombie = (pid: number): boolean => statFields(pid)?.[0] === 'Z';

/** From field 3 on, the state. @see proc_pid_stat(5) */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in field 2 may hold spaces and brackets; what follows the last bracket is field 3.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // ENOENT, ESRCH: it has ended
  }
}
