import type { OverlayFacts } from '../../doctor/facts.js';
import { hasLegacyTables, nfChains } from '../../drivers/glance.js';
import { isInstalled, runTool } from '../../drivers/run-tool.js';
import { readUdpSockets } from '../../host/state/udp-sockets.js';
import type { Link } from '../../kinds/link.js';
import type { TunnelDevice } from '../../kinds/tunnel-device.js';
import type { WireguardDevice } from '../../kinds/wireguard-device.js';
import { leaseName, stacks } from '../../model/lease.js';
import { CommandSocket } from '../../netlink/command.js';
import { dumpLinks } from '../../netlink/dumps.js';
import type { Resource } from '../../planner/kind.js';
import type { Preview } from '../../reconcile/preview.js';
import type { Session } from '../../reconcile/session.js';

export interface OverlayInput {
  readonly preview: Preview;
  readonly session: Session;
  readonly netns: string | undefined;
  readonly signal: AbortSignal;
}

/** What a plan is made from, as doctor judges it, and the few things beside it that only the kernel tells. */
export async function overlayFacts({ preview, session, netns, signal }: OverlayInput): Promise<OverlayFacts> {
  const { inputs, desired, listing, document, survey, plan } = preview;
  const { backend, context, external, network, own } = inputs;
  const wanted = [...desired.desired.values()].map(({ resource }) => resource);
  const ports = portsOf(wanted);
  return {
    network,
    backend: backend.type,
    needsWatch: backend.needsWatch !== undefined,
    external: Object.values(external),
    links: survey.facts.links,
    own,
    leases: listing.leases,
    mtu: Object.values(external).map(({ family, dev, mtu }) => ({
      ...{ family, dev, underlay: mtu, overhead: backend.overheadBytes(context, family) },
    })),
    devices: wanted.filter((resource): resource is Link => resource.kind === 'link'),
    vxlans: vxlansOf(netns),
    ports,
    sockets: readUdpSockets({ netns, ports: ports.map(({ port }) => port) }),
    elsewhere: peersElsewhere(preview, session),
    conflicts: plan.conflicts.map(({ key }) => key),
    leftRules: plan.steps
      .filter(({ action, key }) => action === 'delete' && /^(nft-table|iptables-rules)\//.test(key))
      .map(({ key }) => key),
    iptables: await iptablesLines(netns, signal),
    warnings: document.warnings.filter(({ code }) => code !== 'W_NEEDS_WATCH'),
    quarantined: document.quarantined,
  };
}

/** Peers that the kernel sends to by another interface than ours. IPv6 has no reverse path filter. */
export const peersElsewhere = (
  { table, inputs }: Pick<Preview, 'table' | 'inputs'>,
  { lookup }: Pick<Session, 'lookup'>,
): OverlayFacts['elsewhere'] =>
  table.admitted().flatMap((lease) =>
    stacks(lease).flatMap(({ family, publicIp: address }) => {
      const dev = family === 4 ? lookup(address)?.dev : undefined;
      if (dev === undefined || dev === inputs.external[family]?.dev) return [];
      return [{ peer: leaseName(lease), address, dev }];
    }),
  );

function portsOf(resources: readonly Resource[]): OverlayFacts['ports'] {
  const all = resources.flatMap((resource): OverlayFacts['ports'][number][] => {
    if (resource.kind === 'link') {
      const { name, fixed } = resource as Link;
      return 'port' in fixed ? [{ port: fixed.port, what: name }] : [];
    }
    if (resource.kind === 'wireguard-device') {
      const { listenPort, dev } = resource as WireguardDevice;
      return [{ port: listenPort, what: dev }];
    }
    // IKE, and IKE and ESP across NAT.
    if (resource.kind === 'ike-daemon')
      return [500, 4500].map((port) => ({ port, what: 'charon', chosenBy: 'protocol' as const }));
    if (resource.kind !== 'tunnel-device') return [];
    const { port, name } = resource as TunnelDevice;
    return [{ port, what: name }];
  });
  return [...new Map(all.map((one) => [one.port, one])).values()];
}

function vxlansOf(netns: string | undefined): OverlayFacts['vxlans'] {
  const socket = CommandSocket.open({ netns });
  try {
    return dumpLinks(socket).flatMap(({ name, info }) => {
      if (info?.kind !== 'vxlan' || name === undefined) return [];
      return [{ name, vni: info.vxlan?.vni ?? 0, port: info.vxlan?.port ?? 0 }];
    });
  } finally {
    socket.close();
  }
}

/** Both variants of iptables, as far as either has rules: looking makes the kernel load nothing. */
async function iptablesLines(netns: string | undefined, signal: AbortSignal): Promise<readonly string[]> {
  const toolbox = { netns };
  const programs = [
    ...((nfChains(toolbox) ?? []).length > 0 ? ['iptables-nft-save', 'ip6tables-nft-save'] : []),
    ...(hasLegacyTables(4, toolbox) ? ['iptables-legacy-save'] : []),
    ...(hasLegacyTables(6, toolbox) ? ['ip6tables-legacy-save'] : []),
  ].filter((program) => isInstalled(program, toolbox));
  const call = { args: [], debianPackage: 'iptables', neededFor: 'iptables rules', children: new Set<number>() };
  const answers = await Promise.all(programs.map((program) => runTool({ ...call, program }, toolbox, signal)));
  return answers.flatMap(({ stdout }) => stdout.split('\n'));
}
