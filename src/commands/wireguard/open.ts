import { basename, dirname, join } from 'node:path';
import { WIREGUARD_DEVICES, wireguard } from '../../backends/wireguard.js';
import type { Settings } from '../../config/settings.js';
import type { Driver } from '../../drivers/driver.js';
import { isInstalled } from '../../drivers/run-tool.js';
import { wireguardDriver } from '../../drivers/wireguard/driver.js';
import { givenEndpoints } from '../../drivers/wireguard/given-endpoints.js';
import { kernelWireguard } from '../../drivers/wireguard/kernel.js';
import { tunnelStatus } from '../../drivers/wireguard/status.js';
import type { WireguardTransport } from '../../drivers/wireguard/transport.js';
import { UAPI_FOLDER, userspaceWireguard } from '../../drivers/wireguard/userspace.js';
import { withUserspaceWireguard } from '../../drivers/wireguard/userspace-links.js';
import { FlanError } from '../../errors.js';
import { ensureWireguardKey, keyFileWarnings, readWireguardKey, wireguardKeyOf } from '../../host/wireguard-key.js';
import type { Network } from '../../model/network.js';
import type { Warning } from '../../model/warning.js';
import type { CommandSocket } from '../../netlink/command.js';
import type { Session } from '../../reconcile/session.js';
import { hasCapability } from '../../sys/caps.js';
import { watchFolder } from '../../sys/watch-folder.js';

export interface OpenWireguardInput {
  readonly settings: Settings;
  readonly network: Network;
  /** Of rtnetlink. */
  readonly socket: CommandSocket;
  readonly netlink: Driver;
}

/** What backend wireguard adds to a session. */
export interface OpenedWireguard {
  /** rtnetlink's driver first, which may have to be another one. */
  readonly drivers: readonly Driver[];
  readonly session: Pick<Session, 'publicKey' | 'equip' | 'tunnels'>;
  readonly warnings: readonly Warning[];
}

/** @throws {FlanError} E_BACKEND where there is no WireGuard at all; E_DATA for a file that holds no key */
export function openWireguard(input: OpenWireguardInput): OpenedWireguard {
  const { settings, network, netlink, socket } = input;
  const { wireguardKeyFile: path } = settings;
  if (!hasCapability('CAP_NET_ADMIN')) {
    return { drivers: [netlink], session: { publicKey: () => undefined }, warnings: [UNREADABLE] };
  }
  const warnings = keyFileWarnings(path);
  const { transport, links } = chooseTransport({ settings, netlink });
  const options = wireguard.options(network.backend.options);
  const driver = wireguardDriver({
    transport,
    socket,
    given: givenEndpoints(settings),
    secrets: { key: () => readWireguardKey(path), presharedKey: options.presharedKey },
    followKey: (tell, signal) => followFile({ path, tell, signal }),
  });
  let isEquipped = false;
  return {
    drivers: [links, driver],
    warnings,
    session: {
      tunnels: () => tunnelStatus(transport, WIREGUARD_DEVICES),
      // A key that vanishes while it is in use is made anew: peers learn it as they learn a changed one.
      publicKey: () => (isEquipped ? ensureWireguardKey(path) : readWireguardKey(path))?.publicKey,
      equip: () => {
        const isMissing = readWireguardKey(path) === undefined;
        ensureWireguardKey(path);
        isEquipped = true;
        return isMissing ? 'made' : 'nothing';
      },
    },
  };
}

interface Chosen {
  readonly transport: WireguardTransport;
  readonly links: Driver;
}

function chooseTransport({ settings, netlink }: Pick<OpenWireguardInput, 'settings' | 'netlink'>): Chosen {
  const { netns, runtimeDir } = settings;
  const kernel = kernelWireguard({ netns });
  if (kernel !== undefined) return { transport: kernel, links: netlink };
  if (!isInstalled('wireguard-go', {})) {
    throw new FlanError('E_BACKEND', 'this kernel has no WireGuard, and wireguard-go is not installed', {
      hint: "Load the kernel module 'wireguard', install wireguard-go (Debian package wireguard-go), or use another backend.",
    });
  }
  const folder = netns === undefined ? UAPI_FOLDER : join(runtimeDir, 'wireguard');
  const go = userspaceWireguard({ netns, folder, publicKeyOf: (secret) => wireguardKeyOf(secret).publicKey });
  return { transport: go, links: withUserspaceWireguard(netlink, go) };
}

const UNREADABLE: Warning = {
  code: 'W_WIREGUARD_UNREADABLE',
  message: "WireGuard devices and this node's key can only be read by root: this plan shows all of them as missing",
  hint: 'Run the plan as root to see what is there.',
};

interface FollowFile {
  readonly path: string;
  readonly tell: (why: string) => void;
  readonly signal: AbortSignal;
}

function followFile({ path, tell, signal }: FollowFile): void {
  // The folder, which the key was made in: an atomic rewrite replaces the inode that a watch of the file would hang on.
  const watcher = watchFolder({
    folder: dirname(path),
    hear: (name) => {
      if (name === null || name === basename(path)) tell('the WireGuard key file changed');
    },
    onBroken: tell,
  });
  signal.addEventListener('abort', () => watcher.close(), { once: true });
}
