import type { Document, PlanDocument } from './document.js';

/** Where a plan was made; it is applied nowhere else. */
export interface PlanHost {
  readonly node: string;
  readonly node_id: string;
  /** A keyed hash of machine-id(5), or `none` where there is no such id. */
  readonly machine: string;
  /** The boot and the network namespace. */
  readonly netns: string;
}

/** What a saved plan takes for granted of the objects that it touches, and of those that it stands on. */
export interface Basis {
  /** Fingerprint per touched key of what was wanted there; `absent` for what was to go. */
  readonly desired: Readonly<Record<string, string>>;
  /** Fingerprint per touched key of what was there. */
  readonly observed: Readonly<Record<string, string>>;
  /** The same for what is not touched: objects that the changes need, the interfaces that carry the overlay, the network config. */
  readonly relied: Readonly<Record<string, string>>;
}

/** What `flan plan --out` writes: canonical JSON with a digest over all the rest of it. */
export interface SavedPlan extends Document<'flan.saved-plan'> {
  /** Version of the flan that made it. */
  readonly flan: string;
  readonly host: PlanHost;
  readonly adopt: 'yes' | 'no';
  /** RFC 3339, UTC. */
  readonly created_at: string;
  readonly expires_at: string;
  readonly basis: Basis;
  readonly document: PlanDocument;
  /** SHA-256 in hex over the canonical JSON of all other members. */
  readonly digest: string;
}

/** One thing that is not as it was when the plan was made. */
export interface Moved {
  readonly key: string;
  /** `desired`: the leases or the settings ask for something else now; `kernel`: the host holds something else now. */
  readonly side: 'desired' | 'kernel';
  readonly what: string;
}

/** What `flan show FILE` finds out about a saved plan. */
export interface PlanStatus {
  /** `unknown`: the file is whole, but this host could not be asked whether it still fits. */
  readonly state: 'fresh' | 'stale' | 'expired' | 'applied' | 'other host' | 'unknown';
  /** One sentence; empty while it is fresh. */
  readonly why: string;
  readonly moved: readonly Moved[];
}

export interface ShownPlan extends Document<'flan.shown-plan'> {
  readonly file: string;
  readonly status: PlanStatus;
  readonly saved: SavedPlan;
}

/** One line per thing that moved. */
export const movedLines = (moved: readonly Moved[]): string[] =>
  moved.map(({ key, side, what }) => `${key} (${side}): ${what}`);
