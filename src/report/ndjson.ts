import type { Warning } from '../model/warning.js';
import type { Conflict, Step } from '../planner/plan.js';
import { FORMAT_VERSION, VERSION } from '../version.js';
import type { ApplyEvent } from './apply-events.js';
import type { PlanDocument, Refusal, Summary } from './document.js';
import { READING_ORDER } from './paint.js';

/** One line of a plan as a stream. Each says by itself which node it is about. */
export type PlanEvent =
  | { readonly type: 'version'; readonly format_version: string; readonly flan: string }
  | ({ readonly type: 'plan'; readonly node: string } & Pick<PlanDocument, 'backend' | 'store' | 'peers' | 'external'>)
  | { readonly type: 'conflict'; readonly node: string; readonly conflict: Conflict }
  | { readonly type: 'change'; readonly node: string; readonly change: Step }
  | { readonly type: 'left_out'; readonly node: string; readonly entry: Refusal }
  | { readonly type: 'warning'; readonly node: string; readonly warning: Warning }
  | { readonly type: 'summary'; readonly node: string; readonly summary: Summary }
  | { readonly type: 'error'; readonly node: string; readonly code: string; readonly message: string }
  | { readonly type: 'total'; readonly summary: object };

export const versionEvent = (): PlanEvent => ({ type: 'version', format_version: FORMAT_VERSION, flan: VERSION });

/** A plan line by line, in the order that people read it. */
export function planEvents({ node, plan, ...document }: PlanDocument): readonly PlanEvent[] {
  const { backend, store, peers, external, quarantined, warnings, summary } = document;
  return [
    { type: 'plan', node, backend, store, peers, external },
    ...plan.conflicts.map((conflict): PlanEvent => ({ type: 'conflict', node, conflict })),
    ...READING_ORDER.flatMap((action) =>
      plan.steps
        .filter((step) => step.action === action)
        .map((change): PlanEvent => ({ type: 'change', node, change })),
    ),
    ...quarantined.map((entry): PlanEvent => ({ type: 'left_out', node, entry })),
    ...warnings.map((warning): PlanEvent => ({ type: 'warning', node, warning })),
    { type: 'summary', node, summary },
  ];
}

export type StreamEvent = PlanEvent | ApplyEvent;

export const ndjson = (events: readonly StreamEvent[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('');
