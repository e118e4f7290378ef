import type { DoctorFacts } from './facts.js';

/** `error`: something does not work, or will not after the next restart; `warning`: it may not. */
export type Severity = 'error' | 'warning';

export interface Finding {
  /** Stable: `D_…` for what only doctor looks at, else the code of the warning or error that plan and apply give. */
  readonly code: string;
  readonly severity: Severity;
  readonly what: string;
  /** What to do, in one or two imperative sentences. */
  readonly fix: string;
}

/** What looking came to: what is wrong, or that all is well and by what one can tell, or why one cannot tell. */
export type Judgement =
  | { readonly state: 'found'; readonly findings: readonly Finding[] }
  | { readonly state: 'well'; readonly what: string }
  | { readonly state: 'unknown'; readonly why: string };

/** One thing that is looked at. Pure: facts come in, a judgement goes out. */
export interface Check {
  readonly name: string;
  readonly judge: (facts: DoctorFacts) => Judgement;
}

export const well = (what: string): Judgement => ({ state: 'well', what });
export const unknown = (why: string): Judgement => ({ state: 'unknown', why });
/** The findings, or that all is well when there are none. */
export const found = (findings: readonly Finding[], otherwise: string): Judgement =>
  findings.length === 0 ? well(otherwise) : { state: 'found', findings };

export const NO_OVERLAY: Judgement = unknown('what this node should hold is not known');
