import { join } from 'node:path';
import { ipsecOptionsOf } from '../../backends/ipsec.js';
import type { Settings } from '../../config/settings.js';
import type { Driver } from '../../drivers/driver.js';
import { findCharon } from '../../drivers/vici/charon.js';
import { CHARON_FOLDER, type CharonPlace, charonSocket } from '../../drivers/vici/charon-files.js';
import { type ViciDriver, viciDriver } from '../../drivers/vici/driver.js';
import { viciSession } from '../../drivers/vici/session.js';
import { type IpsecState, ipsecStateFile } from '../../drivers/vici/state-file.js';
import { readModules } from '../../host/state/read.js';
import { readUdpSockets } from '../../host/state/udp-sockets.js';
import type { UdpSocket } from '../../model/host-state.js';
import type { Network } from '../../model/network.js';
import type { Warning } from '../../model/warning.js';
import type { Session } from '../../reconcile/session.js';
import { hasCapability } from '../../sys/caps.js';
import { netnsInode } from '../../sys/netns.js';
import { isRunning } from '../../sys/process-mark.js';

export interface OpenIpsecInput {
  readonly settings: Pick<Settings, 'netns' | 'runtimeDir' | 'viciSocket'>;
  readonly network: Network;
}

/** What backend ipsec adds to a session; of any other backend only what an earlier config left is seen. */
export interface OpenedIpsec {
  readonly drivers: readonly Driver[];
  readonly session: Pick<Session, 'associations'>;
  readonly warnings: readonly Warning[];
}

/** Where distributions build charon to listen. */
const SOCKETS = [join(CHARON_FOLDER, 'charon.vici'), '/run/strongswan/charon.vici', '/run/charon/charon.vici'];

export async function openIpsec({ settings, network }: OpenIpsecInput): Promise<OpenedIpsec> {
  if (!hasCapability('CAP_NET_ADMIN')) return { drivers: [], session: {}, warnings: [UNREADABLE] };
  const options = ipsecOptionsOf(network);
  const place = placeOf(settings);
  const state = ipsecStateFile(settings);
  const own = place === undefined ? [] : [charonSocket(place)];
  const given = settings.viciSocket === undefined ? [] : [settings.viciSocket];
  const others = place?.folder === CHARON_FOLDER ? SOCKETS : [];
  // What an earlier run used may not be what the settings say now.
  const left = options === undefined ? [state.read()?.socket ?? ''].filter((path) => path !== '') : [];
  const sockets = [...new Set([...left, ...given, ...own, ...others])];
  const driver = viciDriver({ sockets, state, place, netns: settings.netns, psk: options?.psk });
  if (options === undefined) return { drivers: [driver], session: {}, warnings: [] };
  return {
    drivers: [driver],
    session: { associations: () => driver.associations() },
    warnings: [
      ...(await leftBeside({ state: state.read(), place, sockets })),
      ...(await warningsOf({ driver, settings, place })),
    ],
  };
}

/** Where flan starts a charon; undefined when the settings name one of somebody else's. */
function placeOf({ viciSocket, netns, runtimeDir }: OpenIpsecInput['settings']): CharonPlace | undefined {
  if (viciSocket !== undefined) return undefined;
  if (netns === undefined) return { folder: CHARON_FOLDER };
  return { folder: join(runtimeDir, `${netnsInode(netns)}-charon`), netns };
}

interface Left {
  readonly state: IpsecState | undefined;
  readonly place: CharonPlace | undefined;
  /** Where this run looks for charon. */
  readonly sockets: readonly string[];
}

/** A charon that a new setting has passed over holds connections that nobody looks after; one of flan's UDP ports, too. */
async function leftBeside({ state, place, sockets }: Left): Promise<readonly Warning[]> {
  if (state === undefined) return [];
  const { charon, socket } = state;
  if (charon !== undefined) {
    if (place !== undefined || !isRunning(charon)) return [];
    const what = `the charon that flan started (pid ${charon.pid}, ${socket}) still runs beside the one of viciSocket`;
    return [charonLeft(what, 'Run `flan destroy` without viciSocket, and apply again with it.')];
  }
  if (sockets.includes(socket) || !(await answers(socket))) return [];
  const what = `the charon at ${socket}, which the settings do not name any more, still holds connections of flan's`;
  return [charonLeft(what, `Run \`flan destroy --vici-socket ${socket}\`, and apply again.`)];
}

async function answers(socket: string): Promise<boolean> {
  const session = viciSession([socket]);
  try {
    return (await session.find()) !== undefined;
  } finally {
    session.close();
  }
}

const charonLeft = (message: string, hint: string): Warning => ({ code: 'W_IPSEC_CHARON_LEFT', message, hint });

interface WarningsInput {
  readonly driver: ViciDriver;
  readonly settings: OpenIpsecInput['settings'];
  readonly place: CharonPlace | undefined;
}

async function warningsOf({ driver, settings, place }: WarningsInput): Promise<readonly Warning[]> {
  const warnings: Warning[] = readModules().esp4 === 'absent' ? [NO_ESP] : [];
  // One that flan started goes on without ports that others hold, and hears from nobody.
  if (await driver.isThere()) {
    const taken = place === undefined ? [] : portsTaken(settings.netns).filter(({ owner }) => owner !== undefined);
    return [...warnings, ...taken.map(portWarning)];
  }
  if (place === undefined) return [...warnings, noCharon(`no charon answers at ${settings.viciSocket}`, 'Start it.')];
  if (findCharon() === undefined) return [...warnings, noCharon('charon is not installed', INSTALL)];
  return [...warnings, ...portsTaken(settings.netns).map(portWarning)];
}

/** What charon finds taken, or would when it is started. */
function portsTaken(netns: string | undefined): readonly UdpSocket[] {
  const sockets = readUdpSockets({ netns, ports: [IKE_PORT, NAT_PORT] });
  const others = sockets.filter(({ owner }) => owner === undefined || !CHARONS.has(owner.name));
  return [...new Map(others.map((socket) => [socket.port, socket])).values()];
}

const portWarning = ({ port, owner }: UdpSocket): Warning => ({
  code: 'W_IPSEC_PORT_TAKEN',
  message: `UDP port ${port}, which charon needs, is held by ${owner === undefined ? 'another program' : `${owner.name} (pid ${owner.pid})`}`,
  hint: 'Stop it; or if it is a strongSwan, say with viciSocket where that one listens.',
});

const [IKE_PORT, NAT_PORT] = [500, 4500];
const CHARONS: ReadonlySet<string> = new Set(['charon', 'charon-systemd']);

const INSTALL =
  'Install strongSwan (Debian packages strongswan-charon, strongswan-swanctl, libstrongswan-standard-plugins).';

const noCharon = (why: string, hint: string): Warning => ({
  code: 'W_IPSEC_NO_CHARON',
  message: `${why}: backend ipsec cannot agree on keys with anybody`,
  hint,
});

const NO_ESP: Warning = {
  code: 'W_IPSEC_NO_ESP',
  message: 'this kernel has no ESP (module esp4): connections can be loaded, and no packet passes through them',
  hint: "Install the package with this kernel's modules and run `modprobe esp4`, or use another backend.",
};

const UNREADABLE: Warning = {
  code: 'W_IPSEC_UNREADABLE',
  message: 'charon answers root only: this plan shows all connections as missing',
  hint: 'Run the plan as root to see what is there.',
};
