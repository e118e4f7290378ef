import type { Lease } from '../model/lease.js';
import { conclude, type Preview, prepare } from './compute.js';
import type { Session } from './session.js';
import { survey } from './survey.js';

export type { Preview } from './compute.js';

export interface PreviewInput {
  readonly session: Session;
  readonly adopt: 'yes' | 'no';
  readonly signal: AbortSignal;
  /** The lease that was just acquired; without it the store is only looked at. */
  readonly own?: Lease;
}

/** What would change, without changing anything: not the kernel, not a file, not the store. */
export async function preview({ session, adopt, signal, own }: PreviewInput): Promise<Preview> {
  const { kinds, store, drivers } = session;
  const seen = survey(session);
  const prepared = prepare({ survey: seen, listing: await store.list(signal), kinds, ...(own && { own }) });
  const world = await drivers.observe(prepared.scope, kinds, signal);
  return conclude({ prepared, world, kinds, adopt, store: store.name });
}
