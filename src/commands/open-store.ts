import { decodeNetwork } from '../config/network.js';
import type { Settings } from '../config/settings.js';
import { fileStore } from '../leases/file/store.js';
import type { LeaseStore } from '../leases/store.js';

/** The store that the settings name. The clients of the bigger ones are loaded only when they are asked for. */
export async function openStore(settings: Settings): Promise<LeaseStore> {
  switch (settings.store) {
    case 'file':
      return fileStore({ path: settings.leases, decodeNetwork });
    default:
      throw new Error(`store ${settings.store}`);
  }
}
