import type { Settings } from '../config/settings.js';
import { Drivers } from '../drivers/drivers.js';
import { fileDriver, readTextFile } from '../drivers/file.js';
import { netlinkDriver } from '../drivers/netlink/driver.js';
import { procDriver } from '../drivers/proc.js';
import { readFacts, routeLookup } from '../host/facts.js';
import { readIdentity } from '../host/identity.js';
import { lookupsOf, selectionOf } from '../host/selection.js';
import { kinds } from '../kinds/index.js';
import { CommandSocket } from '../netlink/command.js';
import type { Session } from '../reconcile/session.js';
import { parseSubnetEnv } from '../traffic/subnet-env.js';
import { openStore } from './open-store.js';
import { openPacketFilter } from './packet-filter.js';

/** Opens everything that a run touches the world with. @throws {FlanError} E_NETNS, E_IDENTITY, what the store throws */
export async function openSession(settings: Settings, signal: AbortSignal): Promise<Session> {
  const { netns } = settings;
  const identity = readIdentity({ ...settings, identifyBy: settings.store === 'kubernetes' ? 'name' : 'machine' });
  const { store, publicIps } = await openStore(settings, identity, signal);
  const selection = selectionOf({ ...settings, ...publicIps });
  const network = await store.network(signal);
  const { drivers: filters, filter, warnings } = await openPacketFilter({ settings, network, signal });
  const socket = CommandSocket.open({ netns });
  const netlink = netlinkDriver({ socket, ...(netns !== undefined && { netns }) });
  const drivers = new Drivers([netlink, procDriver({ netns }), ...filters, fileDriver()]);
  return {
    store,
    network,
    drivers,
    kinds,
    identity,
    selection,
    warnings,
    options: {
      subnetFile: settings.subnetFile,
      protocol: settings.routeProtocol,
      masquerade: settings.ipMasq,
      blackhole: settings.ipBlackholeRoute,
      filter,
    },
    facts: () => readFacts(socket, lookupsOf(selection)),
    lookup: routeLookup(socket),
    previous: () => parseSubnetEnv(readTextFile(settings.subnetFile)?.content ?? ''),
    close: async () => {
      drivers.close();
      await store.close();
    },
  };
}
