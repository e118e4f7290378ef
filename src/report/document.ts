import type { Family } from '../model/ip.js';
import type { Warning } from '../model/warning.js';
import type { Resource } from '../planner/kind.js';
import type { Plan } from '../planner/plan.js';

/** Every document flan prints under --json. */
export interface Document<K extends string = string> {
  readonly format_version: string;
  readonly kind: K;
}

export interface ExternalSummary {
  readonly family: Family;
  readonly dev: string;
  readonly address: string;
  readonly publicIp: string;
  /** Which rule picked it: `default route`, `iface`, … */
  readonly rule: string;
}

export interface Refusal {
  /** The store's name of the entry. */
  readonly entry: string;
  readonly code: string;
  readonly message: string;
}

/** What `flan plan` found: one value that text, JSON, markdown and `ip` commands are printed from. */
export interface PlanDocument extends Document<'flan.plan'> {
  readonly node: string;
  readonly backend: string;
  readonly store: string;
  readonly peers: number;
  readonly external: readonly ExternalSummary[];
  readonly plan: Plan;
  /** Foreign resources seen and left alone, by kind. */
  readonly foreign: Readonly<Record<string, number>>;
  readonly quarantined: readonly Refusal[];
  readonly warnings: readonly Warning[];
  readonly summary: Summary;
  /** With `--verbose`: what is as it should be. */
  readonly unchanged_objects?: readonly ListedObject[];
  /** With `--show-foreign`: what is not ours and stands on or near ours. */
  readonly foreign_objects?: readonly ListedObject[];
}

/** An object that a plan changes nothing of. */
export interface ListedObject {
  readonly key: string;
  readonly resource: Resource;
  /** Why it is wanted; of foreign ones empty. */
  readonly reason: string;
}

export interface Summary {
  readonly create: number;
  readonly update: number;
  readonly replace: number;
  readonly adopt: number;
  readonly delete: number;
  readonly unchanged: number;
  readonly conflicts: number;
  readonly foreign: number;
}

export function summarise(plan: Plan, foreign: Readonly<Record<string, number>>): Summary {
  const counts = { create: 0, update: 0, replace: 0, adopt: 0, delete: 0 };
  const left = new Map(Object.entries(foreign));
  for (const step of plan.steps) {
    counts[step.action]++;
    // What is taken over was seen as foreign, but is not left alone.
    const seen = step.action === 'adopt' ? left.get(step.before.kind) : undefined;
    if (seen && step.action === 'adopt') left.set(step.before.kind, seen - 1);
  }
  return {
    ...counts,
    unchanged: plan.unchanged,
    conflicts: plan.conflicts.length,
    foreign: [...left.values()].reduce((sum, count) => sum + count, 0),
  };
}
