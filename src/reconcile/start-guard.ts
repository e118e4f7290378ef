import type { Key, Kinds } from '../planner/kind.js';
import { subjectOf } from '../planner/step.js';
import { massDelete } from './risk.js';
import type { DuePlan } from './state.js';
import type { Timers } from './timers.js';

export interface StartGuardInit {
  /** Share of what is ours on this host that may go unasked; 1 for all. */
  readonly fraction: number;
  readonly holdMs: number;
  readonly timers: Timers;
  readonly kinds: Kinds;
  /** `would` of `of` objects are kept for now. */
  readonly onHeld: (would: number, of: number) => void;
  /** From now on they may go: look at everything again. */
  readonly onRelease: () => void;
}

/**
 * Stands between the first plan of a run and the deletions that it holds. A run that starts knows no peers, so only what
 * an earlier one left on the host tells that the store has lost them.
 */
export class StartGuard {
  readonly #init: StartGuardInit;
  #state: 'before the first plan' | 'holds' | 'is over' = 'before the first plan';
  #kept: ReadonlySet<Key> = new Set();

  constructor(init: StartGuardInit) {
    this.#init = init;
  }

  get holds(): boolean {
    return this.#state === 'holds';
  }

  /** The plan without what is kept for now. The record that tells of it is kept too. */
  sift(plan: DuePlan, seen: 'everything' | 'a part'): DuePlan {
    // Of a host that is only known in part nobody can say how much would go.
    if (this.#state === 'before the first plan' && seen === 'everything') this.#judge(plan);
    if (this.#state === 'is over') return plan;
    const { kinds } = this.#init;
    const isKept = (key: Key): boolean => this.#state !== 'holds' || this.#kept.has(key);
    const steps = plan.steps.filter((step) => {
      if (step.action === 'delete' && isKept(step.key)) return false;
      return step.action === 'create' || !kinds.isRecord(subjectOf(step));
    });
    return { ...plan, steps };
  }

  #judge(plan: DuePlan): void {
    const { fraction, holdMs, timers, onHeld, onRelease } = this.#init;
    const mass = fraction < 1 ? massDelete(plan, fraction) : undefined;
    this.#state = mass === undefined ? 'is over' : 'holds';
    if (mass === undefined) return;
    this.#kept = new Set(plan.steps.filter(({ action }) => action === 'delete').map(({ key }) => key));
    onHeld(mass.gone, mass.had);
    timers.set('start guard', holdMs, () => {
      this.#state = 'is over';
      onRelease();
    });
  }
}
