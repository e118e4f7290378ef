import type { Settings } from '../config/settings.js';
import type { Driver } from '../drivers/driver.js';
import { iptablesDriver, iptablesSupportsFullyRandom } from '../drivers/iptables.js';
import { nftablesDriver, nftSupportsFullyRandom } from '../drivers/nftables.js';
import { isInstalled, type SharedToolbox } from '../drivers/run-tool.js';
import { readTextFile } from '../drivers/text-file.js';
import { FlanError } from '../errors.js';
import { contains, type Prefix } from '../model/ip.js';
import { type Network, networksOf } from '../model/network.js';
import type { Warning } from '../model/warning.js';
import { servedNetworks } from '../reconcile/lock.js';
import { hasCapability } from '../sys/caps.js';
import type { FilterOptions } from '../traffic/index.js';
import { parseSubnetEnv } from '../traffic/subnet-env.js';

export interface PacketFilter {
  /** Both tools: switching from one to the other cleans up after the first. */
  readonly drivers: readonly Driver[];
  /** Absent when rules are not to be looked at at all. */
  readonly filter: FilterOptions | undefined;
  readonly warnings: readonly Warning[];
}

interface PacketFilterInput {
  readonly settings: Settings;
  readonly network: Network;
  readonly signal: AbortSignal;
  /** A daemon hears of every change, and need remember nothing. */
  readonly role: 'onlooker' | 'carrier';
}

const NOTHING = { drivers: [], filter: undefined } as const;

/** Finds out what can be done about packet filter rules here. @throws {FlanError} E_TOOL_MISSING when masquerading cannot */
export async function openPacketFilter({ settings, network, signal, role }: PacketFilterInput): Promise<PacketFilter> {
  const { ipMasq: masquerade, iptablesForwardRules: forward, masqueradeExclude: exclude, netns } = settings;
  if (!hasCapability('CAP_NET_ADMIN')) {
    if (!masquerade && !forward) return { ...NOTHING, warnings: [] };
    return { ...NOTHING, warnings: [UNREADABLE] };
  }
  const memoryDir = role === 'onlooker' ? settings.runtimeDir : undefined;
  const toolbox: SharedToolbox = { netns, others: () => othersNetworks(settings, network), memoryDir };
  const drivers = [nftablesDriver(toolbox), iptablesDriver(toolbox)];
  const tool = network.nftables ? 'nft' : 'iptables';
  if (!isInstalled(tool, toolbox)) {
    const missing = toolMissing(tool);
    if (masquerade) throw missing;
    const warning: Warning = { code: 'W_TOOL_MISSING', message: missing.message, hint: missing.hint ?? '' };
    return { drivers, filter: undefined, warnings: forward ? [warning] : [] };
  }
  const probe = network.nftables ? nftSupportsFullyRandom : iptablesSupportsFullyRandom;
  const fullyRandom = masquerade && !settings.ipMasqFullyRandomDisable && (await probe(toolbox, signal));
  return { drivers, filter: { masquerade, forward, fullyRandom, exclude }, warnings: [] };
}

/** What other flans serve on this host. A network that we served before is ours to clean up after, not another's. */
function othersNetworks(settings: Settings, network: Network): readonly Prefix[] {
  const previous = parseSubnetEnv(readTextFile(settings.subnetFile)?.content ?? '').networks;
  const ours = [...networksOf(network), ...previous];
  return servedNetworks(settings).filter((other) => !ours.some((own) => contains(own, other) || contains(other, own)));
}

const UNREADABLE: Warning = {
  code: 'W_FILTER_UNREADABLE',
  message: 'packet filter rules can only be read with CAP_NET_ADMIN: they are left out of this plan',
  hint: 'Run the plan as root to see them.',
};

const toolMissing = (tool: 'nft' | 'iptables'): FlanError =>
  new FlanError('E_TOOL_MISSING', `traffic rules need the program '${tool}', which is not installed`, {
    hint:
      tool === 'nft'
        ? 'Install it (Debian package nftables).'
        : 'Install it (Debian package iptables), set EnableNFTables, or switch the rules off with --no-iptables-forward-rules.',
  });
