import type { Key, Resource } from './kind.js';

interface Common {
  readonly key: Key;
  readonly reason: string;
  /** Keys that must exist before (for deletions: that must go after). */
  readonly needs: readonly Key[];
}

/**
 * One step from observed to desired. Plain data: it prints, sorts, serialises and replays.
 * `adopt` is an update of something that exists without our mark.
 */
export type Step = Common &
  (
    | { readonly action: 'create'; readonly after: Resource }
    | {
        readonly action: 'update' | 'replace' | 'adopt';
        readonly before: Resource;
        readonly after: Resource;
        readonly fields: readonly string[];
      }
    | { readonly action: 'delete'; readonly before: Resource }
  );

export type Action = Step['action'];

/** What a step is about: what will be there, or what will be gone. */
export const subjectOf = (step: Step): Resource => (step.action === 'delete' ? step.before : step.after);
