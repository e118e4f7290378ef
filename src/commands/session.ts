import type { Settings } from '../config/settings.js';
import { Drivers } from '../drivers/drivers.js';
import { fileDriver, readTextFile } from '../drivers/file.js';
import { netlinkDriver } from '../drivers/netlink/driver.js';
import { readFacts } from '../host/facts.js';
import { readIdentity } from '../host/identity.js';
import { lookupsOf, selectionOf } from '../host/selection.js';
import { kinds } from '../kinds/index.js';
import { CommandSocket } from '../netlink/command.js';
import type { Session } from '../reconcile/session.js';
import { parseSubnetEnv } from '../traffic/subnet-env.js';
import { openStore } from './open-store.js';

/** Opens everything that a run touches the world with. @throws {FlanError} E_NETNS, E_IDENTITY, what the store throws */
export async function openSession(settings: Settings): Promise<Session> {
  const { netns } = settings;
  const selection = selectionOf(settings);
  const identity = readIdentity(settings);
  const store = await openStore(settings);
  const socket = CommandSocket.open({ netns });
  const drivers = new Drivers([netlinkDriver({ socket, ...(netns !== undefined && { netns }) }), fileDriver()]);
  return {
    store,
    drivers,
    kinds,
    identity,
    options: {
      subnetFile: settings.subnetFile,
      protocol: settings.routeProtocol,
      masquerade: settings.ipMasq,
    },
    selection,
    facts: () => readFacts(socket, lookupsOf(selection)),
    previous: () => parseSubnetEnv(readTextFile(settings.subnetFile)?.content ?? ''),
    close: async () => {
      drivers.close();
      await store.close();
    },
  };
}
