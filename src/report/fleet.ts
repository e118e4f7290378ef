import type { Document, PlanDocument, Summary } from './document.js';
import { type Paint, plain } from './paint.js';
import { printable } from './printable.js';
import { planText, summaryLine } from './text.js';

/** What a snapshot's host came to: a plan, or why there is none. */
export interface HostPlan {
  /** The snapshot's file. */
  readonly snapshot: string;
  readonly taken_at: string;
  readonly node: string;
  readonly document?: PlanDocument;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

export interface FleetSummary extends Summary {
  readonly hosts: number;
  /** Hosts with something to change, or a conflict. */
  readonly changing: number;
  /** Hosts that no plan can be made for. */
  readonly failed: number;
}

/** Plans for several hosts, made from their snapshots. */
export interface FleetDocument extends Document<'flan.fleet-plan'> {
  readonly hosts: readonly HostPlan[];
  readonly summary: FleetSummary;
}

const NOTHING: Summary = {
  ...{ create: 0, update: 0, replace: 0, adopt: 0, delete: 0 },
  ...{ unchanged: 0, conflicts: 0, foreign: 0 },
};

export const hasChanges = ({ plan: { steps, conflicts } }: PlanDocument): boolean =>
  steps.length > 0 || conflicts.length > 0;

export function fleetSummary(hosts: readonly HostPlan[]): FleetSummary {
  const names = Object.keys(NOTHING) as (keyof Summary)[];
  const sum = (name: keyof Summary): number =>
    hosts.reduce((total, { document }) => total + (document?.summary[name] ?? 0), 0);
  return {
    ...(Object.fromEntries(names.map((name) => [name, sum(name)])) as unknown as Summary),
    hosts: hosts.length,
    changing: hosts.filter(({ document }) => document !== undefined && hasChanges(document)).length,
    failed: hosts.filter(({ error }) => error !== undefined).length,
  };
}

/** `2 of 3 hosts change. Plan: 1 to delete; 4 unchanged.` */
export function fleetLine(summary: FleetSummary): string {
  const { hosts, changing, failed } = summary;
  const failures = failed === 0 ? '' : `, ${failed} cannot be planned for`;
  return `${changing} of ${hosts} ${hosts === 1 ? 'host changes' : 'hosts change'}${failures}. ${summaryLine(summary)}`;
}

/** What most needs eyes comes first: failures, then deletions, then everything else in the order it was given. */
export const byUrgency = (hosts: readonly HostPlan[]): readonly HostPlan[] => {
  const rank = ({ document, error }: HostPlan): number => {
    if (error !== undefined) return 0;
    const { delete: gone = 0, replace = 0, conflicts = 0 } = document?.summary ?? {};
    if (gone + replace + conflicts > 0) return 1;
    return document !== undefined && hasChanges(document) ? 2 : 3;
  };
  return hosts.toSorted((a, b) => rank(a) - rank(b));
};

export function fleetText({ hosts, summary }: FleetDocument, paint: Paint = plain): string {
  const blocks = hosts.map(({ snapshot, taken_at, node, document, error }) => {
    const head = paint.dim(`# ${printable(snapshot)}, taken ${printable(taken_at)}`);
    if (document !== undefined) return `${head}\n${planText(document, paint)}`;
    const { code = '', message = '', hint } = error ?? {};
    const advice = hint === undefined ? '' : `  ${paint.dim('hint:')}  ${printable(hint)}\n`;
    return `${head}\n${paint.bold(printable(node))}\n\n${paint.red(`Error ${code}:`)} ${printable(message)}\n${advice}`;
  });
  return `${blocks.join('\n')}\n${paint.bold(fleetLine(summary))}\n`;
}
