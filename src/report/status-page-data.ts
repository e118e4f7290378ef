/** A lease as people read it. */
export interface LeaseRow {
  readonly name: string;
  readonly subnets: readonly string[];
  readonly addresses: readonly string[];
}

export interface PeerRow extends LeaseRow {
  /** What this node holds for it. */
  readonly objects: number;
  readonly failing: number;
}

export interface KindRow {
  readonly kind: string;
  readonly desired: number;
  readonly inPlace: number;
  readonly failing: number;
  readonly foreign: number;
}

export interface StatusMoment {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly sort: 'drift' | 'repair' | 'change' | 'trouble' | 'note';
  readonly words: string;
  /** Of a repair: from the drift to the kernel's answer. */
  readonly tookMs?: number;
}

/** All that the status page shows. */
export interface Status {
  readonly version: string;
  readonly nowMs: number;
  readonly startedMs: number;
  readonly checks: readonly { readonly name: string; readonly state: 'ok' | 'failed'; readonly detail: string }[];
  /** Absent until the lease is held. */
  readonly about?: {
    readonly node: string;
    readonly backend: string;
    readonly store: string;
    readonly networks: readonly string[];
  };
  readonly lease?: LeaseRow & { readonly expiresAtMs?: number };
  readonly peers: readonly PeerRow[];
  readonly objects: readonly KindRow[];
  /** The oldest first. */
  readonly moments: readonly StatusMoment[];
}
