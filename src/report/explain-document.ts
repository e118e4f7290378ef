import type { KernelAnswer } from '../host/kernel-answer.js';
import type { Document } from './document.js';
import type { LeaseRole } from './leases-text.js';

/** `not flan's`: no lease and nothing that flan would make has to do with it. */
export type ExplainVerdict = 'in order' | 'not in order' | "not flan's";

/** What `flan explain` prints. Times are milliseconds since 1970, or ISO 8601 where they come from the history. */
export interface ExplainDocument extends Document<'flan.explain'> {
  readonly atMs: number;
  readonly asked: string;
  readonly node: string;
  readonly backend: string;
  readonly state: ExplainVerdict;
  /** What is not in order, in sentences. */
  readonly problems: readonly string[];
  /** What it is, in one sentence. */
  readonly is: string;
  readonly lease?: ExplainedLease;
  /** For which address the kernel was asked, and what it said. */
  readonly kernel?: KernelWord;
  readonly objects: readonly ExplainedObject[];
}

export interface ExplainedLease {
  readonly key: string;
  readonly role: LeaseRole;
  readonly name: string;
  readonly subnets: readonly string[];
  readonly addresses: readonly string[];
  readonly backendType: string;
  readonly expiresAtMs?: number;
  /** Where it was read. */
  readonly origin?: string;
  /** Why it is left out. */
  readonly why?: string;
}

export interface KernelWord {
  readonly address: string;
  readonly answer: KernelAnswer;
  /** The route of flan's that packets to it should follow, if there is one. */
  readonly wanted?: string;
}

/** `foreign`: somebody else's stands where flan's belongs; `stale`: ours, and no longer wanted. */
export type ObjectState = 'in place' | 'missing' | 'differs' | 'foreign' | 'stale';

export interface ExplainedObject {
  readonly key: string;
  readonly state: ObjectState;
  /** What should be there, in words; absent when nothing should. */
  readonly desired?: string;
  readonly because?: string;
  /** What is there, in words; absent when nothing is. */
  readonly observed?: string;
  readonly since?: Since;
  readonly drift?: { readonly times: number; readonly last: { readonly at: string; readonly words: string } };
}

/** The last time that flan wrote it. */
export interface Since {
  readonly at: string;
  readonly by: string;
}
