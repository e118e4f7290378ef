import type { FlanError } from '../errors.js';
import type { Lease } from '../model/lease.js';
import type { Warning } from '../model/warning.js';
import type { Action, Conflict } from '../planner/plan.js';
import type { Drift } from './state.js';

/** What `watch` tells while it runs. Renderers turn these into lines; tests and metrics read them as they are. */
export type WatchEvent =
  | { readonly type: 'lease'; readonly lease: Lease; readonly why: 'held' | 'renewed' }
  /** Nothing can be done yet; without `retryInMs` something tells when it can. */
  | { readonly type: 'waiting'; readonly error: FlanError; readonly retryInMs?: number }
  | { readonly type: 'lease-lost'; readonly error: FlanError }
  /** The first full plan has been applied; `failed` steps go on being tried. */
  | {
      readonly type: 'ready';
      readonly peers: number;
      readonly resources: number;
      readonly failed: number;
      readonly tookMs: number;
    }
  | { readonly type: 'applied'; readonly changes: readonly AppliedChange[]; readonly tookMs: number }
  | { readonly type: 'failed'; readonly key: string; readonly error: FlanError; readonly more: number }
  | { readonly type: 'drift'; readonly drift: Drift }
  /** From the moment the drift was heard of to the kernel's answer to the repair. */
  | { readonly type: 'healed'; readonly key: string; readonly tookMs: number }
  | { readonly type: 'fight'; readonly key: string; readonly times: number; readonly by?: string }
  | { readonly type: 'conflict'; readonly conflict: Conflict }
  | { readonly type: 'resync'; readonly why: string; readonly tookMs: number }
  | { readonly type: 'peer'; readonly change: 'added' | 'changed' | 'removed'; readonly lease: string }
  | { readonly type: 'quarantined'; readonly entry: string; readonly error: FlanError }
  /** Not believed yet: the store tells of `would` fewer of `of`. Objects are what an earlier run left on this host. */
  | {
      readonly type: 'held';
      readonly what: 'peers' | 'objects';
      readonly would: number;
      readonly of: number;
      readonly holdMs: number;
    }
  | { readonly type: 'store'; readonly state: 'connected' }
  | { readonly type: 'store'; readonly state: 'disconnected'; readonly error: FlanError; readonly retryInMs: number }
  | { readonly type: 'host'; readonly what: string }
  | { readonly type: 'warning'; readonly warning: Warning }
  /** Settings and network config were read again; `changed` names what differs. `taken`: a new run takes over. */
  | {
      readonly type: 'reload';
      readonly result: 'unchanged' | 'changed in place' | 'taken';
      readonly changed: readonly string[];
    }
  /** What was read cannot be used: everything goes on as it was. */
  | { readonly type: 'reload'; readonly result: 'refused'; readonly error: FlanError }
  | { readonly type: 'dumped'; readonly path: string }
  /** An apply waits to be confirmed: nothing is changed until it is, or is rolled back. */
  | { readonly type: 'pending-confirm'; readonly checkpoint: string; readonly deadlineMs: number }
  /** Nobody confirmed an apply in time. `left` could not be undone. */
  | {
      readonly type: 'rolled-back';
      readonly checkpoint: string;
      readonly why: string;
      readonly undone: number;
      readonly left: number;
    }
  /** What was rolled back is not made again until it is wanted otherwise, or `flan resume`. Told once. */
  | { readonly type: 'on-hold'; readonly checkpoint: string; readonly sinceMs: number; readonly keys: number }
  | { readonly type: 'resumed'; readonly why: string }
  /** What should be changed, and is not because of the mode: each once. */
  | { readonly type: 'spared'; readonly mode: 'warn' | 'plan-only'; readonly changes: readonly AppliedChange[] }
  | { readonly type: 'stopped'; readonly why: string };

export interface AppliedChange {
  readonly action: Action;
  readonly key: string;
  readonly reason: string;
  /** Stands for what was made: two that are equal are the same. Of very many changes only the first have one. */
  readonly made?: string;
}
