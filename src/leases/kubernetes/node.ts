import { FlanError } from '../../errors.js';
import { type Address, FAMILIES, type Family, familyOf, type Prefix, tryAddress, tryPrefix } from '../../model/ip.js';
import type { Json } from '../../model/json.js';
import { type Lease, type LeaseStack, leaseKey } from '../../model/lease.js';
import type { LeaseRequest, RejectedEntry } from '../store.js';
import type { AnnotationNames } from './annotations.js';

/** Where the API server has them. */
export const NODES = { path: '/api/v1/nodes', resource: 'nodes' } as const;

/** All that is kept of a Node while it is read. */
export interface NodeRecord {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Only those under our prefix. */
  readonly annotations: Readonly<Record<string, string>>;
  /** `spec.podCIDRs`, or `spec.podCIDR` alone on clusters that know no more. */
  readonly podCIDRs: readonly string[];
}

/** What a Node means to the overlay. `none`: not a member, or nothing to lease yet. */
export type NodeLease =
  | { readonly type: 'lease'; readonly lease: Lease }
  | { readonly type: 'rejected'; readonly rejected: RejectedEntry }
  | { readonly type: 'none' };

export type NodeSubnets = Readonly<Partial<Record<Family, Prefix>>>;

/**
 * One podCIDR per family, only of the families asked for.
 * @throws {FlanError} E_POD_CIDR when the list is not one that Kubernetes can have made
 */
export function subnetsOfNode(node: NodeRecord, families: readonly Family[]): NodeSubnets {
  const subnets: Partial<Record<Family, Prefix>> = {};
  for (const text of node.podCIDRs) {
    const prefix = tryPrefix(text);
    if (prefix === undefined) throw badPodCidr(node, `'${text}' is not a prefix`);
    const family = familyOf(prefix);
    if (subnets[family] !== undefined) throw badPodCidr(node, `${node.podCIDRs.join(', ')} has two of one family`);
    subnets[family] = prefix;
  }
  for (const family of FAMILIES) if (!families.includes(family)) delete subnets[family];
  return subnets;
}

const badPodCidr = (node: NodeRecord, why: string): FlanError =>
  new FlanError('E_POD_CIDR', `spec.podCIDRs of Node ${node.name}: ${why}`, {
    where: `Node ${node.name}`,
    hint: 'Delete the Node and let the kubelet register it again, or fix what allocates its podCIDRs',
  });

/** Reads what a Node publishes. Never throws: an unreadable Node hurts nobody but itself. */
export function leaseOfNode(node: NodeRecord, names: AnnotationNames, families: readonly Family[]): NodeLease {
  if (node.annotations[names.member] !== 'true') return { type: 'none' };
  try {
    const subnets = subnetsOfNode(node, families);
    const ipv4 = subnets[4] && stackOf(node, subnets[4], names.publicIp, names.backendData);
    const ipv6 = subnets[6] && stackOf(node, subnets[6], names.publicIpv6, names.backendV6Data);
    if (ipv4 === undefined && ipv6 === undefined) return { type: 'none' };
    const key = leaseKey({ ...(ipv4 && { ipv4: ipv4.subnet }), ...(ipv6 && { ipv6: ipv6.subnet }) });
    const lease: Lease = {
      key,
      node: node.name,
      nodeId: node.uid,
      backendType: node.annotations[names.backendType] ?? '',
      ...(ipv4 && { ipv4 }),
      ...(ipv6 && { ipv6 }),
      origin: `Node ${node.name}, resource version ${node.resourceVersion}`,
    };
    return { type: 'lease', lease };
  } catch (error) {
    if (!(error instanceof FlanError)) throw error;
    return { type: 'rejected', rejected: { entry: `Node ${node.name}`, error } };
  }
}

function stackOf(node: NodeRecord, subnet: Prefix, ipName: string, dataName: string): LeaseStack {
  const ip = node.annotations[ipName];
  const publicIp = ip ? addressIn(node, ipName, familyOf(subnet)) : undefined;
  const backendData = jsonIn(node, dataName);
  return { subnet, ...(publicIp && { publicIp }), ...(backendData !== undefined && { backendData }) };
}

/** @throws {FlanError} E_LEASE when the annotation is there and is not an address of the family */
export function addressIn(node: NodeRecord, name: string, family: Family): Address | undefined {
  const text = node.annotations[name];
  if (!text) return undefined;
  const address = tryAddress(text);
  if (address !== undefined && familyOf(address) === family) return address;
  throw new FlanError('E_LEASE', `annotation ${name} of Node ${node.name} is not an IPv${family} address: '${text}'`, {
    where: `Node ${node.name}`,
    hint: `kubectl annotate node ${node.name} --overwrite ${name}=ADDRESS, or remove it with ${name}-`,
  });
}

function jsonIn(node: NodeRecord, name: string): Json | undefined {
  const text = node.annotations[name];
  if (!text) return undefined;
  try {
    return (JSON.parse(text) as Json) ?? undefined; // flannel writes the text `null` for backends without data
  } catch (cause) {
    throw new FlanError('E_LEASE', `annotation ${name} of Node ${node.name} is not JSON`, {
      where: `Node ${node.name}`,
      hint: `Restart the overlay's agent on ${node.name}: it publishes the annotation again`,
      cause,
    });
  }
}

/** flannel leaves an annotation without data away for these, and writes the text `null` for all others. */
const OMITS_NULL: ReadonlySet<string> = new Set(['vxlan', 'wireguard']);

/** The annotations a node wants on its Node; `undefined`: must not be there. */
export type WantedAnnotations = Readonly<Record<string, string | undefined>>;

/** @throws {FlanError} E_LEASE for an overwrite, set by people, that is not an address */
export function annotationsFor(request: LeaseRequest, node: NodeRecord, names: AnnotationNames): WantedAnnotations {
  const { backendType, published } = request;
  const data = (value: Json | undefined): string | undefined =>
    value === undefined && OMITS_NULL.has(backendType) ? undefined : JSON.stringify(value ?? null);
  const v4 = published[4];
  const v6 = published[6];
  return {
    [names.member]: 'true',
    [names.backendType]: backendType,
    [names.backendData]: v4 || !v6 ? data(v4?.backendData) : undefined,
    [names.backendV6Data]: v6 && data(v6.backendData),
    [names.publicIp]: v4 && (addressIn(node, names.publicIpOverwrite, 4) ?? v4.publicIp),
    [names.publicIpv6]: v6 && (addressIn(node, names.publicIpv6Overwrite, 6) ?? v6.publicIp),
  };
}

/** What release takes off the Node: all that `annotationsFor` can put there. */
export const noAnnotations = (names: AnnotationNames): WantedAnnotations => ({
  [names.member]: undefined,
  [names.backendType]: undefined,
  [names.backendData]: undefined,
  [names.backendV6Data]: undefined,
  [names.publicIp]: undefined,
  [names.publicIpv6]: undefined,
});
