import { type Key, sameValue } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';
import type { WatchEvent } from './events.js';

/**
 * How much `watch` may change: `heal` everything; `warn`: what leases ask for, while what others break is told and left
 * as it is; `plan-only`: nothing on this host.
 */
export type WatchMode = 'heal' | 'warn' | 'plan-only';

export interface ModeFilter {
  /** The steps that may be done. Of the others each is told once, until it is another one. */
  allowed(steps: readonly Step[], isRepair: (step: Step) => boolean): readonly Step[];
}

export interface ModeFilterInput {
  readonly mode: WatchMode;
  readonly tell: (event: WatchEvent) => void;
}

export function modeFilter({ mode, tell }: ModeFilterInput): ModeFilter {
  const told = new Map<Key, Step>();
  if (mode === 'heal') return { allowed: (steps) => steps };
  return {
    allowed(steps, isRepair) {
      const isSpared = (step: Step): boolean => mode === 'plan-only' || isRepair(step);
      const news = steps.filter((step) => isSpared(step) && !sameStep(told.get(step.key), step));
      for (const step of steps) {
        if (isSpared(step)) told.set(step.key, step);
        else told.delete(step.key);
      }
      if (news.length > 0) {
        tell({ type: 'spared', mode, changes: news.map(({ action, key, reason }) => ({ action, key, reason })) });
      }
      return steps.filter((step) => !isSpared(step));
    },
  };
}

const endOf = (step: Step): unknown => (step.action === 'delete' ? undefined : step.after);

const sameStep = (a: Step | undefined, b: Step): boolean => a?.action === b.action && sameValue(endOf(a), endOf(b));
