import type { Settings } from '../../config/settings.js';
import type { LeaseStore } from '../../leases/store.js';
import type { Identity } from '../../model/facts.js';
import { identityFrom } from '../identity-from.js';
import { openStore } from '../open-store.js';

export interface StoreInUse {
  readonly store: LeaseStore;
  readonly identity: Identity;
}

/** Works on the store alone: the host is not looked at, so this serves on any machine that reaches the store. */
export async function withStore<T>(settings: Settings, work: (use: StoreInUse) => Promise<T>): Promise<T> {
  const identity = identityFrom(settings);
  const { store } = await openStore({ settings, identity });
  try {
    return await work({ store, identity });
  } finally {
    await store.close();
  }
}
