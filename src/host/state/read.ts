import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { HostState, ModuleState } from '../../model/host-state.js';
import { CAPABILITIES, type Capability, hasCapability } from '../../sys/caps.js';
import { inNetns } from '../../sys/netns.js';
import { readFirewalldZones, readNetworkdFiles, readNetworkManagerFiles } from './config-files.js';
import { readManagers } from './processes.js';

export interface HostStateInput {
  readonly netns?: string | undefined;
  /** Links whose own settings matter. */
  readonly devices: readonly string[];
  /** Which of the programs flan may call are there. */
  readonly programs: readonly string[];
}

const MODULES = ['vxlan', 'wireguard', 'ipip', 'br_netfilter', 'tun', 'esp4'];
const DEVICE_FILES = ['/dev/net/tun'];

/** Reads what of the host can stand in the overlay's way. Changes nothing; what may not be read is left out. */
export function readHostState({ netns, devices, programs }: HostStateInput): HostState {
  return {
    managers: readManagers({ netns }),
    networkdFiles: readNetworkdFiles(),
    networkManagerFiles: readNetworkManagerFiles(),
    firewalldZones: readFirewalldZones(),
    modules: readModules(),
    sysctls: readSysctls({ netns, devices }),
    capabilities: (Object.keys(CAPABILITIES) as Capability[]).filter((name) => hasCapability(name)),
    programs,
    devices: DEVICE_FILES.filter(isWritable),
  };
}

/** Those that the overlay depends on. */
export function readSysctls({ netns, devices }: Pick<HostStateInput, 'netns' | 'devices'>): HostState['sysctls'] {
  const read = () => sysctlsHere(devices);
  return netns === undefined ? read() : inNetns(netns, read);
}

function sysctlsHere(devices: readonly string[]): HostState['sysctls'] {
  const paths = [
    ...['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding', 'net/ipv4/conf/all/rp_filter'],
    ...['net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables'],
    ...devices.map((dev) => `net/ipv4/conf/${dev}/rp_filter`),
  ];
  return Object.fromEntries(
    paths.flatMap((path) => {
      const value = textOf(join('/proc/sys', path))?.trim();
      return value === undefined ? [] : [[path, value]];
    }),
  );
}

/** As modprobe(8) would find it. Without the directory of this kernel's modules (containers) only what is loaded is known. */
export function readModules(root = '/', kernel: string = release()): Readonly<Record<string, ModuleState>> {
  const folder = join(root, 'lib/modules', kernel);
  const lists = ['modules.builtin', 'modules.dep'].map((name) => textOf(join(folder, name)) ?? '');
  const isListed = (name: string): boolean => {
    const file = new RegExp(`(^|/)${name.replaceAll('_', '[-_]')}\\.ko`, 'm');
    return lists.some((text) => file.test(text));
  };
  const stateOf = (name: string): ModuleState => {
    if (existsSync(join(root, 'sys/module', name)) || isListed(name)) return 'present';
    return lists.every((text) => text === '') ? 'unknown' : 'absent';
  };
  return Object.fromEntries(MODULES.map((name) => [name, stateOf(name)]));
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
