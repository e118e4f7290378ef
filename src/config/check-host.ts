import { FlanError } from '../errors.js';
import type { External, HostFacts, HostLink } from '../model/facts.js';
import {
  contains,
  FAMILIES,
  type Family,
  familyOf,
  isLinkLocal,
  lengthOf,
  makePrefix,
  overlaps,
  type Prefix,
} from '../model/ip.js';
import type { LeaseSubnets } from '../model/lease.js';
import { type Network, type NetworkStack, networkOf } from '../model/network.js';
import type { Warning } from '../model/warning.js';

export interface HostCheckInput {
  readonly network: Network;
  readonly facts: HostFacts;
  readonly external: Readonly<Partial<Record<Family, External>>>;
  /** This node's subnets, once it has a lease. */
  readonly own?: LeaseSubnets;
}

export interface HostCheck {
  /** What makes the overlay impossible on this host. */
  readonly errors: readonly FlanError[];
  readonly warnings: readonly Warning[];
}

/** Whether the cluster network collides with networks that this host is itself attached to. */
export function checkAgainstHost({ network, facts, external, own = {} }: HostCheckInput): HostCheck {
  const checks = FAMILIES.flatMap((family) => {
    const stack = networkOf(network, family);
    if (stack === undefined) return [];
    const ownSubnet = family === 4 ? own.ipv4 : own.ipv6;
    return [
      checkExternal(stack, external[family]),
      ...attachments(facts, family)
        .filter(({ link }) => link.name !== external[family]?.dev)
        .map((attachment) => checkAttachment({ attachment, stack, ownSubnet })),
    ];
  });
  return {
    errors: checks.flatMap((check) => (check instanceof FlanError ? [check] : [])),
    warnings: checks.flatMap((check) => (check === undefined || check instanceof FlanError ? [] : [check])),
  };
}

/** Packets to peers must not match the overlay's own routes. */
function checkExternal({ network }: NetworkStack, external: External | undefined): FlanError | Warning | undefined {
  if (external === undefined) return undefined;
  for (const address of [external.address, external.publicIp]) {
    if (!contains(network, address)) continue;
    return new FlanError(
      'E_NETWORK_OVERLAP',
      `Network ${network} holds ${address}, the address that peers use to reach this node (${external.dev})`,
      { hint: "Choose a Network that no node's own network lies in." },
    );
  }
  const wider = external.onLink.find((prefix) => overlaps(prefix, network));
  if (wider === undefined) return undefined;
  return {
    code: 'W_NETWORK_OVERLAP',
    message: `Network ${network} overlaps ${wider} of ${external.dev}: hosts of ${wider} inside Network become unreachable`,
    hint: 'Make sure that no host there has an address in Network.',
  };
}

interface Attachment {
  readonly link: HostLink;
  readonly onLink: Prefix;
  readonly address: string;
}

function attachments(facts: HostFacts, family: Family): Attachment[] {
  return facts.links.flatMap((link) =>
    link.addresses
      .filter(({ address }) => familyOf(address) === family && !isLinkLocal(address))
      .map(({ address, len, peer }) => ({
        link,
        onLink: makePrefix(peer ?? address, len),
        address: `${address}/${len}`,
      })),
  );
}

interface AttachmentInput {
  readonly attachment: Attachment;
  readonly stack: NetworkStack;
  readonly ownSubnet: Prefix | undefined;
}

/**
 * A bridge of pods (cni0, docker0) holds an address of this node's own subnet: that is what the subnet is for. While
 * the subnet is unknown, an address with a prefix that fits into one subnet gets the benefit of the doubt.
 */
function checkAttachment({ attachment, stack, ownSubnet }: AttachmentInput): Warning | undefined {
  const { link, onLink, address } = attachment;
  if (link.loopback || isOverlayDevice(link) || !overlaps(stack.network, onLink)) return undefined;
  if (ownSubnet !== undefined && contains(ownSubnet, onLink)) return undefined;
  const podLike = contains(stack.network, onLink) && lengthOf(onLink) >= stack.subnetLen && link.kind !== undefined;
  if (!podLike) {
    return {
      code: 'W_NETWORK_OVERLAP',
      message: `Network ${stack.network} overlaps ${onLink} of ${link.name} (${address})`,
      hint: `Peers' subnets would take traffic away from ${link.name}: choose another Network, or renumber ${link.name}.`,
    };
  }
  if (ownSubnet === undefined) return undefined;
  return {
    code: 'W_STALE_ADDRESS',
    message: `${link.name} holds ${address}, which lies in Network but not in this node's subnet ${ownSubnet}`,
    hint: `Left from an earlier lease? Delete ${link.name}, and whoever made it will make it anew from subnet.env.`,
  };
}

/** flan's and flannel's own devices: the plan itself says what becomes of their addresses. */
const isOverlayDevice = ({ name, kind }: HostLink): boolean =>
  /^flannel[.\d-]/.test(name) || (kind !== undefined && OVERLAY_KINDS.has(kind));

const OVERLAY_KINDS: ReadonlySet<string> = new Set(['vxlan', 'wireguard', 'ipip', 'ip6tnl', 'sit', 'tun']);
