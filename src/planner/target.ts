import type { Key } from './kind.js';
import type { Conflict, Plan, Step } from './plan.js';

/**
 * What people name changes by: an address with `*` for any text (`route/main/10.244.3.*`), `kind:route`, or
 * `node:node-b` for all that its lease asks for.
 */
export interface Target {
  readonly by: 'address' | 'kind' | 'node';
  readonly pattern: string;
}

/** @returns undefined for an empty name, or a word before a colon that is none of ours */
export function parseTarget(text: string): Target | undefined {
  const [, word, rest] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  if (word === 'kind' || word === 'node') return rest ? { by: word, pattern: rest } : undefined;
  // Addresses start with their kind and a slash, so a colon before it is a mistake and one after it is IPv6.
  if (text === '' || /^[^/*]*:/.test(text)) return undefined;
  return { by: 'address', pattern: text };
}

/** Whether a text is what a pattern with `*` stands for, whole. */
export function globMatches(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
}

export interface Targets {
  /** Empty for everything. */
  readonly target: readonly Target[];
  readonly exclude: readonly Target[];
}

export interface NarrowInput extends Targets {
  readonly plan: Plan;
  /** The name of the node whose lease asks for a key. */
  readonly nodeOf: (key: Key) => string | undefined;
  /** What all else follows from, so that it comes along with whatever is named. */
  readonly isBasis: (step: Step) => boolean;
}

export interface Narrowed {
  readonly plan: Plan;
  /** What is left out, in the order of the plan. */
  readonly leftOut: readonly Step[];
  /** What nobody named, and what is named needs. */
  readonly added: readonly Step[];
}

/**
 * The part of a plan that is asked for. What a targeted step needs comes along; what needs an excluded step stays out
 * with it. What stands on something that is replaced is made again whatever is asked for.
 */
export function narrow({ plan, target, exclude, nodeOf, isBasis }: NarrowInput): Narrowed {
  const isNamed = (list: readonly Target[], key: Key): boolean =>
    list.some(({ by, pattern }) => {
      if (by === 'kind') return globMatches(pattern, key.slice(0, key.indexOf('/')));
      if (by === 'node') return globMatches(pattern, nodeOf(key) ?? '');
      return globMatches(pattern, key);
    });
  const byKey = new Map(plan.steps.map((step) => [step.key, step]));
  const isAsked = ({ key }: { readonly key: Key }): boolean => target.length === 0 || isNamed(target, key);
  const chosen = new Set<Step>(plan.steps.filter(isAsked));
  if (chosen.size > 0) for (const step of plan.steps.filter(isBasis)) chosen.add(step);
  for (const step of chosen) {
    for (const need of step.action === 'delete' ? [] : step.needs) {
      const needed = byKey.get(need);
      if (needed !== undefined && needed.action !== 'delete') chosen.add(needed);
    }
    if (step.action !== 'replace') continue;
    for (const other of plan.steps) if (other.needs.includes(step.key) && other.action !== 'delete') chosen.add(other);
  }
  const out = new Set<Step>(plan.steps.filter((step) => chosen.has(step) && isNamed(exclude, step.key)));
  for (const step of out) {
    if (step.action === 'delete') continue;
    for (const other of chosen) if (other.action !== 'delete' && other.needs.includes(step.key)) out.add(other);
  }
  const isIn = (step: Step): boolean => chosen.has(step) && !out.has(step);
  const { heldUp = [], ...rest } = plan;
  const waits = heldUp.filter(({ step, by }) => isAsked(step) && ![step.key, by].some((key) => isNamed(exclude, key)));
  const inTheWay = new Set(waits.map(({ by }) => by));
  // What is asked for cannot be done without it: that is a conflict whoever named it.
  const isConflictIn = ({ key }: Conflict): boolean =>
    inTheWay.has(key) || (isAsked({ key }) && !isNamed(exclude, key));
  return {
    plan: {
      ...rest,
      steps: plan.steps.filter(isIn),
      conflicts: plan.conflicts.filter(isConflictIn),
      ...(waits.length > 0 && { heldUp: waits }),
    },
    leftOut: [
      ...plan.steps.filter((step) => !isIn(step)),
      ...heldUp.filter((one) => !waits.includes(one)).map(({ step }) => step),
    ],
    added: plan.steps.filter((step) => isIn(step) && !isAsked(step)),
  };
}
