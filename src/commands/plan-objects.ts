import { foreignNearby } from '../reconcile/foreign.js';
import type { Preview } from '../reconcile/preview.js';
import type { Session } from '../reconcile/session.js';
import type { ListedObject, PlanDocument } from '../report/document.js';

export interface WithObjectsInput {
  readonly session: Session;
  readonly seen: Preview;
  readonly also: { readonly unchanged: boolean; readonly foreign: boolean };
  readonly signal: AbortSignal;
}

/** The plan with lists of what it changes nothing of. */
export async function withObjects({ session, seen, also, signal }: WithObjectsInput): Promise<PlanDocument> {
  const { document, desired, plan } = seen;
  const { kinds } = session;
  const touched = new Set([...plan.steps, ...plan.conflicts].map(({ key }) => key));
  const unchanged = [...desired.desired]
    .filter(([key]) => !touched.has(key))
    .map(([key, { resource, because }]): ListedObject => ({ key, resource, reason: because }));
  const foreign = also.foreign ? await foreignNearby(session, seen, signal) : [];
  return {
    ...document,
    ...(also.unchanged && { unchanged_objects: unchanged }),
    ...(also.foreign && {
      foreign_objects: foreign.map((resource) => ({ key: kinds.key(resource), resource, reason: '' })),
    }),
  };
}
