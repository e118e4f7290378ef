import type { Warning } from '../model/warning.js';
import type { TunnelReport } from '../reconcile/status-tunnels.js';
import type { Document, ExternalSummary, Refusal, Summary } from './document.js';
import type { HistoryEntry } from './history-entry.js';
import type { GuardStatus, LeaseStatus, WatchStatus } from './watch-status.js';

/** `unknown`: neither the kernel nor a running watch could be asked. */
export type StatusVerdict = 'in order' | 'not in order' | 'unknown';

/** What `flan status` prints. Times are milliseconds since 1970. */
export interface StatusDocument extends Document<'flan.status'> {
  readonly atMs: number;
  readonly state: StatusVerdict;
  /** What is not in order, in sentences. Empty when all is. */
  readonly problems: readonly string[];
  readonly node: string;
  /** Absent when nobody runs. */
  readonly watch?: WatchStatus & { readonly aliveAtMs: number };
  readonly look: Look;
  /** Absent when it is not known what would be locked. */
  readonly lock?: { readonly state: 'free' } | { readonly state: 'held'; readonly holder: string };
  /** An apply that is rolled back unless somebody confirms it. */
  readonly pending?: PendingConfirm;
  /** What was rolled back and is not made again. */
  readonly onHold?: OnHold;
  readonly lastApply?: Extract<HistoryEntry, { kind: 'apply' }>;
  readonly tunnels: TunnelReport;
}

/** A fresh look at store and kernel. */
export type Look =
  | {
      readonly state: 'taken';
      readonly backend: string;
      readonly store: string;
      readonly networks: readonly string[];
      readonly external: readonly ExternalSummary[];
      /** Absent while none is held. */
      readonly lease?: LeaseStatus;
      readonly peers: number;
      readonly leftOut: readonly Refusal[];
      readonly warnings: readonly Warning[];
      readonly summary: Summary;
      /** The first changes that are to be made. */
      readonly changes: readonly { readonly action: string; readonly key: string }[];
      /** Set where nothing flows unless watch runs. */
      readonly needsWatch?: string;
    }
  | { readonly state: 'failed'; readonly code: string; readonly message: string; readonly hint?: string };

export interface PendingConfirm {
  readonly id: string;
  readonly state: string;
  readonly deadlineMs?: number;
}

export interface OnHold {
  /** The checkpoint that was rolled back last. */
  readonly id: string;
  readonly sinceMs: number;
  readonly objects: number;
}

/** A watch that has shown no life for so long hangs, or is stopped. */
const LIFELESS_MS = 20_000;

type JudgeInput = Pick<StatusDocument, 'atMs' | 'watch' | 'look' | 'pending' | 'onHold'>;

/** Whether all is in order, and what is not. */
export function judge({ atMs, watch, look, pending, onHold }: JudgeInput): Pick<StatusDocument, 'state' | 'problems'> {
  const problems: string[] = [];
  if (watch !== undefined && atMs - watch.aliveAtMs > LIFELESS_MS) {
    problems.push(`flan watch (pid ${watch.process.pid}) has shown no life for ${seconds(atMs - watch.aliveAtMs)}`);
  }
  if (watch?.ready === false) problems.push(`flan watch is not ready: ${watch.why}`);
  if (watch?.store.state === 'disconnected') problems.push(`the store is away: ${watch.store.message ?? 'no answer'}`);
  if (watch?.guard !== undefined) problems.push(guardWords(watch.guard, atMs));
  const failing = watch?.run?.failing.count ?? 0;
  if (failing > 0) problems.push(`${failing} ${failing === 1 ? 'object' : 'objects'} cannot be made`);
  if (look.state === 'failed') problems.push(`nothing could be looked at: ${look.message}`);
  else {
    const { summary, lease, needsWatch } = look;
    const pendingChanges = summary.create + summary.update + summary.replace + summary.adopt + summary.delete;
    if (lease === undefined) problems.push('this node holds no lease');
    if (pendingChanges > 0) {
      problems.push(`${pendingChanges} ${pendingChanges === 1 ? 'change is' : 'changes are'} to be made`);
    }
    if (summary.conflicts > 0) problems.push(`${summary.conflicts} of others' objects stand in the way`);
    if (needsWatch !== undefined && watch === undefined) problems.push(`${needsWatch}, and it does not run`);
  }
  if (pending !== undefined) problems.push(`the last apply waits to be confirmed (${pending.id})`);
  if (onHold !== undefined) {
    problems.push(`${onHold.objects} objects are held back since ${onHold.id} was rolled back: flan resume ends that`);
  }
  // The daemon's word counts while the store is away: nothing changes then.
  const isKnown = look.state === 'taken' || watch !== undefined;
  const state: StatusVerdict = !isKnown ? 'unknown' : problems.length === 0 ? 'in order' : 'not in order';
  return { state, problems };
}

function guardWords({ what, would, of, untilMs }: GuardStatus, atMs: number): string {
  const left = seconds(Math.max(0, untilMs - atMs));
  const says = what === 'peers' ? 'peers are gone' : 'objects on this host belong to nobody any more';
  return `the store says that ${would} of ${of} ${says}: flan watch keeps them, and believes it in ${left}`;
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
