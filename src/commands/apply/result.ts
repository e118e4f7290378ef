import { EXIT, type ExitCode } from '../../exit-codes.js';
import type { SafeApplyReport } from '../../reconcile/confirm-apply.js';

/** What an apply's document says beyond its outcomes. */
export function safetyDocument({ checkpoint, undone, probes }: SafeApplyReport): object {
  return {
    ...(checkpoint && {
      checkpoint: {
        ...{ id: checkpoint.id, state: checkpoint.state, why: checkpoint.why },
        ...(checkpoint.deadlineMs !== undefined && { deadline: new Date(checkpoint.deadlineMs).toISOString() }),
      },
    }),
    ...(undone && {
      undone: {
        why: undone.why,
        verified: undone.report.left.length === 0,
        moved: undone.report.moved,
        left: undone.report.left,
      },
    }),
    ...(probes.length > 0 && {
      probes: probes.map(({ probe, failure }) => ({ probe: probe.text, passed: failure === undefined, failure })),
    }),
  };
}

/** The lines that follow what was applied; none when there is nothing to say. */
export function safetyLines({ checkpoint, undone, probes }: SafeApplyReport): readonly string[] {
  const passed = probes.filter(({ failure }) => failure === undefined).map(({ probe }) => probe.text);
  const lines = passed.length > 0 && undone === undefined ? [`Probes passed: ${passed.join(', ')}.`] : [];
  if (undone !== undefined) {
    const { left, outcomes, moved } = undone.report;
    const done = outcomes.filter(({ status }) => status === 'done').length;
    lines.push(
      left.length === 0
        ? `Rolled back (${undone.why}): ${done} undone, verified.`
        : `NOT rolled back wholly (${undone.why}): still to undo ${left.map(({ key }) => key).join(', ')}.`,
    );
    if (moved.length > 0) lines.push(`Changed by others since, and left alone: ${moved.join(', ')}.`);
    return lines;
  }
  if (checkpoint?.deadlineMs === undefined) return lines;
  const { id, state, deadlineMs } = checkpoint;
  if (state === 'confirmed') return [...lines, `Confirmed: ${checkpoint.why}.`];
  const at = new Date(deadlineMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return [...lines, `To keep this: flan confirm ${id}. Else it is rolled back at ${at}.`];
}

/** The exit code of an apply that was not interrupted. */
export function exitOf({ outcomes, left, undone }: SafeApplyReport): ExitCode {
  if (undone !== undefined) return undone.report.left.length === 0 ? EXIT.rolledBack : EXIT.notRolledBack;
  if (outcomes.some(({ status }) => status !== 'done')) return EXIT.partial;
  return left.length > 0 ? EXIT.notRolledBack : EXIT.ok;
}
