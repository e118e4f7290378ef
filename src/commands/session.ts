import { existsSync } from 'node:fs';
import { ipsec as ipsecBackend } from '../backends/ipsec.js';
import { wireguard } from '../backends/wireguard.js';
import type { Settings } from '../config/settings.js';
import { Drivers } from '../drivers/drivers.js';
import { fileDriver } from '../drivers/file.js';
import { netlinkDriver } from '../drivers/netlink/driver.js';
import { offloadDriver } from '../drivers/offload.js';
import { procDriver } from '../drivers/proc.js';
import { readTextFile } from '../drivers/text-file.js';
import { tunnelDriver } from '../drivers/tunnel.js';
import { ipsecStatePath } from '../drivers/vici/state-file.js';
import type { FlanError } from '../errors.js';
import { readFacts, routeLookup } from '../host/facts.js';
import { lookupsOf, selectionOf } from '../host/selection.js';
import { kinds } from '../kinds/index.js';
import type { Identity } from '../model/facts.js';
import type { Network } from '../model/network.js';
import { CommandSocket } from '../netlink/command.js';
import { systemClock } from '../reconcile/clock.js';
import { patiently } from '../reconcile/patience.js';
import type { Session } from '../reconcile/session.js';
import { survey } from '../reconcile/survey.js';
import { parseSubnetEnv } from '../traffic/subnet-env.js';
import { identityFrom } from './identity-from.js';
import type { OpenedIpsec } from './ipsec/open.js';
import { openCloud } from './open-cloud.js';
import { openExtension } from './open-extension.js';
import { type OpenedStore, openStore } from './open-store.js';
import { openPacketFilter } from './packet-filter.js';
import { openWireguard } from './wireguard/open.js';

/** Opens everything that a run touches the world with. @throws {FlanError} E_NETNS, E_IDENTITY, what the store throws */
export const openSession = (settings: Settings, signal: AbortSignal): Promise<Session> => open({ settings, signal });

/** The same through a store that is open already, or that stands for one. */
export const openSessionThrough = (settings: Settings, through: OpenedStore, signal: AbortSignal): Promise<Session> =>
  open({ settings, signal, through });

export interface OpenPatiently {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** Told what the store is not ready for yet, now and later; `retryInMs` where it is asked again. */
  readonly onWait: (error: FlanError, retryInMs?: number) => void;
}

/** The same for a daemon: a store that cannot answer yet is waited for. */
export const openPatiently = (input: OpenPatiently): Promise<Session> => open(input);

type Opening = Pick<OpenPatiently, 'settings' | 'signal'> & Partial<OpenPatiently> & { readonly through?: OpenedStore };

async function open(opening: Opening): Promise<Session> {
  const { settings, onWait, through } = opening;
  const identity = identityFrom(settings);
  const opened = through ?? (await openStore({ settings, identity, onWait }));
  /** What is open by now, for when the rest cannot be opened. */
  const closers: Closer[] = [() => opened.store.close()];
  try {
    return await openThrough({ ...opening, ...opened, identity, closers });
  } catch (error) {
    for (const close of closers.reverse()) await close();
    throw error;
  }
}

type Closer = () => void | Promise<void>;

interface Through extends Opening, OpenedStore {
  readonly identity: Identity;
  readonly closers: Closer[];
}

async function openThrough(input: Through): Promise<Session> {
  const { settings, signal, onWait, store, publicIps, identity, closers, networkWarnings = () => [] } = input;
  const { netns } = settings;
  const ask = async () => ({
    selection: selectionOf({ ...settings, ...(await publicIps(signal)) }),
    network: await store.network(signal),
  });
  const asked = onWait ? patiently(ask, { clock: systemClock, signal, onWait }) : ask();
  const { selection, network } = await asked;
  // Asked before anything else is opened: a cloud may take long to answer, or not answer at all.
  const cloud = await openCloud({
    ...{ network, store, signal, onWait },
    context: () => survey(session).inputs.context,
  });
  closers.push(() => cloud?.driver?.close());
  const role = onWait === undefined ? 'onlooker' : 'carrier';
  const { drivers: filters, filter, warnings } = await openPacketFilter({ settings, network, signal, role });
  for (const filterDriver of filters) closers.push(() => filterDriver.close());
  const socket = CommandSocket.open({ netns });
  const netlink = netlinkDriver({ socket, ...(netns !== undefined && { netns }) });
  closers.push(() => netlink.close());
  const isWireguard = network.backend.type === wireguard.type;
  const opened = isWireguard ? openWireguard({ settings, network, socket, netlink }) : undefined;
  const links = opened?.drivers ?? [netlink];
  for (const driver of links) closers.push(() => driver.close());
  const tunnels = tunnelDriver({ socket, netns, runtimeDir: settings.runtimeDir, role });
  const extension = openExtension({ settings, network, context: () => survey(session).inputs.context });
  const ipsec = await openIpsecIfNeeded(settings, network);
  // Those that start other processes first: they work while the others are asked.
  const drivers = new Drivers([
    ...(cloud?.driver ? [cloud.driver] : []),
    ...filters,
    ...links,
    tunnels,
    procDriver({ netns }),
    offloadDriver({ netns }),
    extension.driver,
    ...(ipsec?.drivers ?? []),
    fileDriver(),
  ]);
  const session: Session = {
    store,
    network,
    drivers,
    kinds,
    identity,
    selection,
    warnings: [
      ...networkWarnings(),
      ...warnings,
      ...(opened?.warnings ?? []),
      ...(ipsec?.warnings ?? []),
      ...extension.warnings,
    ],
    ...opened?.session,
    ...ipsec?.session,
    ...extension.session,
    ...cloud?.session,
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
  return session;
}

/** Also where a run before this one had backend ipsec and left something. The client of charon is loaded for nobody else. */
async function openIpsecIfNeeded(settings: Settings, network: Network): Promise<OpenedIpsec | undefined> {
  if (network.backend.type !== ipsecBackend.type && !existsSync(ipsecStatePath(settings))) return undefined;
  const { openIpsec } = await import('./ipsec/open.js');
  return openIpsec({ settings, network });
}
