import type { About, LeftOut } from '../reconcile/view.js';
import type { Document } from './document.js';

/** How a running `watch` does, as it tells others in a file of the runtime directory. Times are milliseconds since 1970. */
export interface WatchStatus extends Document<'flan.watch-status'> {
  /** Its version. */
  readonly flan: string;
  readonly process: { readonly pid: number; readonly started: string };
  readonly startedAtMs: number;
  readonly ready: boolean;
  /** What it does or lacks, for people. */
  readonly why: string;
  /** Absent until the lease is held. */
  readonly run?: RunStatus;
  readonly store: StoreStatus;
  readonly drift: DriftStatus;
  /** What it changed last because something was asked for, or repaired. */
  readonly changed?: { readonly atMs: number; readonly count: number };
  /** Set while the guard against mass deletion holds leases back. */
  readonly guard?: GuardStatus;
}

/** The store says that `would` of `of` are gone, or to go, which is not believed before `untilMs`. */
export interface GuardStatus {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly what: 'peers' | 'objects';
  readonly would: number;
  readonly of: number;
}

export interface RunStatus {
  readonly about: About;
  readonly lease: LeaseStatus;
  readonly peers: PeersStatus;
  /** Objects that should be there. */
  readonly objects: number;
  readonly failing: Some<FailingStatus>;
}

export interface LeaseStatus {
  readonly key: string;
  readonly subnets: readonly string[];
  readonly addresses: readonly string[];
  readonly expiresAtMs?: number;
}

export interface PeersStatus {
  readonly total: number;
  /** Those for whom something could not be made. */
  readonly failing: Some<string>;
  readonly leftOut: Some<LeftOut>;
}

/** Of very many only the first are named. */
export interface Some<T> {
  readonly count: number;
  readonly first: readonly T[];
}

export interface FailingStatus {
  readonly key: string;
  readonly code: string;
  readonly message: string;
}

export interface StoreStatus {
  readonly state: 'connected' | 'disconnected' | 'unknown';
  readonly sinceMs: number;
  readonly message?: string;
}

/** Since the start of the process. */
export interface DriftStatus {
  readonly detected: number;
  readonly repaired: number;
  readonly last?: { readonly atMs: number; readonly key: string; readonly what: string; readonly by?: string };
}
