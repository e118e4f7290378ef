import { asFlanError, FlanError } from '../../errors.js';
import { type Address, contains, FAMILIES, type Family } from '../../model/ip.js';
import type { Lease } from '../../model/lease.js';
import { familiesOf, type Network, networkOf } from '../../model/network.js';
import type { LeaseEvent, LeaseStore, NodeNote, StoreState } from '../store.js';
import { annotationNames } from './annotations.js';
import { type Clock, systemClock } from './clock.js';
import type { ApiClient } from './http.js';
import type { Span } from './json-bytes.js';
import { list } from './list.js';
import { listWatch, WATCH_TIMING, type WatchTiming } from './list-watch.js';
import { type DecodeNetwork, readNetConfig } from './net-config.js';
import { addressIn, leaseOfNode, type NodeLease, type NodeRecord, noAnnotations, subnetsOfNode } from './node.js';
import { nodeFromBytes } from './node-bytes.js';
import { eventRequest } from './node-events.js';
import { type NodeEntry, nodeTable } from './node-table.js';
import { type NodeSource, nodeMissing, ownNode, retrying } from './own-node.js';
import { publisher } from './publisher.js';

export interface KubernetesStoreOptions {
  readonly client: ApiClient;
  readonly node: NodeSource;
  /** flannel's `net-conf.json`, from the ConfigMap. */
  readonly netConfigPath: string;
  readonly decodeNetwork: DecodeNetwork;
  /**
   * What leases of the own Node carry as `nodeId`: the host's own identity, which stays when the Node is deleted and
   * registered again. All other leases, and without this those too, carry the uid of their Node.
   */
  readonly ownNodeId?: string | undefined;
  /** flannel's own when absent. */
  readonly annotationPrefix?: string | undefined;
  /** How long `acquire` waits for a Node and its podCIDR; as long as its signal lets it when absent. */
  readonly waitMs?: number | undefined;
  /** Told what is being waited for or tried again, each reason once in a row. */
  readonly report?: ((error: FlanError) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly timing?: WatchTiming | undefined;
}

/** Addresses that people have put on this Node: they pick the external interface and what is published. */
export type NodePublicIps = Readonly<Partial<Record<Family, Address>>>;

export interface KubernetesStore extends LeaseStore {
  /** Annotations `node-public-ip` and `node-public-ipv6` of the own Node. @throws {FlanError} E_LEASE, E_NODE_MISSING */
  nodePublicIps(signal: AbortSignal): Promise<NodePublicIps>;
  setReady(ready: boolean, signal: AbortSignal): Promise<void>;
  /** As an Event of the own Node. @throws {FlanError} E_STORE_PERMISSION without the right to create events */
  note(note: NodeNote, signal: AbortSignal): Promise<void>;
}

const NODES = { path: '/api/v1/nodes', resource: 'nodes' } as const;

/** Leases as flannel keeps them in Kubernetes: the subnet is the Node's podCIDR, the rest are its annotations. */
export function kubernetesStore(options: KubernetesStoreOptions): KubernetesStore {
  const { client, clock = systemClock, timing = WATCH_TIMING } = options;
  const names = annotationNames(options.annotationPrefix);
  const report = onceInARow(options.report);
  const own = ownNode({ client, source: options.node, names, clock, report });
  const published = publisher({ own, names, clock, report });

  const network = (signal: AbortSignal): Promise<Network> =>
    readNetConfig({ path: options.netConfigPath, decodeNetwork: options.decodeNetwork }, signal);
  /** The families that leases are read in; all where nobody says (a laptop with a kubeconfig). */
  const families = async (signal: AbortSignal): Promise<readonly Family[]> => {
    try {
      return familiesOf(await network(signal));
    } catch (error) {
      if (error instanceof FlanError && error.code === 'E_NETWORK_MISSING') return FAMILIES;
      throw error;
    }
  };
  const record = (bytes: Buffer, span: Span): NodeRecord => nodeFromBytes(bytes, span, names.prefix);
  const entryOf = (node: NodeRecord, wanted: readonly Family[]): NodeEntry => ({
    name: node.name,
    uid: node.uid,
    resourceVersion: node.resourceVersion,
    lease: leaseOf(node, wanted),
  });
  const leaseOf = (node: NodeRecord, wanted: readonly Family[]): NodeLease => {
    const read = leaseOfNode(node, names, wanted);
    if (read.type !== 'lease' || options.ownNodeId === undefined || node.name !== own.known()) return read;
    return { type: 'lease', lease: { ...read.lease, nodeId: options.ownNodeId } };
  };

  /** Only a Pod's Node has to be asked for. Peers can be read without it, so that it fails stops nothing. */
  const knowOwnName = async (signal: AbortSignal): Promise<void> => {
    try {
      await own.name(signal);
    } catch (error) {
      if (!signal.aborted) report(asFlanError(error));
    }
  };
  /** Follows the own Node until it has what a lease needs. */
  const readyNode = async (net: Network, signal: AbortSignal): Promise<NodeRecord> => {
    const name = await own.name(signal);
    const first = await own.read(signal).catch((error: unknown) => missing(error));
    let problem = whatIsMissing({ name, node: first, net });
    if (first && problem === undefined) return first;
    const limit =
      options.waitMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(options.waitMs)]);
    if (problem) report(problem);
    const onState = (state: StoreState): void => {
      if (state.state === 'disconnected') report(state.error);
    };
    const selection = { fieldSelector: `metadata.name=${name}`, read: record };
    for await (const event of listWatch({ client, ...NODES, ...selection, clock, timing, onState }, limit)) {
      const node = event.type === 'snapshot' ? event.items[0] : event.type === 'put' ? event.item : undefined;
      problem = whatIsMissing({ name, node, net });
      if (node && problem === undefined) return node;
      if (problem) report(problem);
    }
    signal.throwIfAborted();
    throw problem ?? nodeMissing(name);
  };

  const leaseFrom = (node: NodeRecord, net: Network): Lease => {
    const read = leaseOf(node, familiesOf(net));
    if (read.type === 'lease') return read.lease;
    throw read.type === 'rejected' ? read.rejected.error : noPodCidr(node.name);
  };

  const isOf = (lease: Lease, node: NodeRecord): boolean =>
    lease.nodeId === (options.ownNodeId ?? node.uid) && (lease.node === undefined || lease.node === node.name);

  return {
    name: `kubernetes ${client.server}`,
    expires: false,
    network,

    async list(signal) {
      await knowOwnName(signal);
      const wanted = await families(signal);
      const read = (bytes: Buffer, span: Span): NodeEntry => entryOf(record(bytes, span), wanted);
      const request = { method: 'GET', path: NODES.path, needs: 'list nodes' } as const;
      const send = () => list({ client, request, read, resourceVersion: '' }, signal);
      const { items } = await retrying({ send, clock, report, signal });
      return nodeTable().replace(items);
    },

    async own(signal) {
      const wanted = await families(signal);
      const node = await own.read(signal).catch((error: unknown) => missing(error));
      const read = node && leaseOf(node, wanted);
      return read?.type === 'lease' ? read.lease : undefined;
    },

    async acquire(request, signal) {
      const node = await readyNode(request.network, signal);
      return leaseFrom(await published.publish(request, node, signal), request.network);
    },

    async renew(lease, request, signal) {
      const node = await own.read(signal).catch((error: unknown) => missing(error));
      if (node === undefined || !isOf(lease, node)) throw leaseLost(lease, 'its Node is gone or another one');
      // The subnet is the Node's; whether it is annotated at the moment does not matter, we are about to do that.
      const now = leaseFrom({ ...node, annotations: { [names.member]: 'true' } }, request.network);
      if (now.key !== lease.key) throw leaseLost(lease, `its Node now has ${now.key}`);
      return leaseFrom(await published.publish(request, node, signal), request.network);
    },

    async release(lease, signal) {
      published.forget();
      const node = await own.read(signal).catch((error: unknown) => missing(error));
      if (node && isOf(lease, node)) await own.annotate(node, noAnnotations(names), signal);
    },

    async *watch(signal, onState): AsyncGenerator<LeaseEvent> {
      const wanted = await families(signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (wanted === undefined) return;
      await knowOwnName(signal);
      const table = nodeTable();
      let latest: NodeRecord | undefined;
      const read = (bytes: Buffer, span: Span): NodeEntry => {
        const node = record(bytes, span);
        if (node.name === own.known()) latest = node;
        return entryOf(node, wanted);
      };
      for await (const event of listWatch({ client, ...NODES, read, clock, timing, onState }, signal)) {
        if (latest && event.type !== 'delete') published.seen(latest, signal);
        latest = undefined;
        yield* table.absorb(event);
      }
    },

    setReady: (ready, signal) => published.setReady(ready, signal),

    async note(note, signal) {
      const node = await own.name(signal);
      await client.json(eventRequest({ node, note, now: new Date(clock.nowMs()) }), signal);
    },

    async nodePublicIps(signal) {
      const node = await own.read(signal);
      const ipv4 = addressIn(node, names.nodePublicIp, 4);
      const ipv6 = addressIn(node, names.nodePublicIpv6, 6);
      return { ...(ipv4 && { 4: ipv4 }), ...(ipv6 && { 6: ipv6 }) };
    },

    async close() {
      published.forget();
      client.close();
    },
  };
}

function onceInARow(report: ((error: FlanError) => void) | undefined): (error: FlanError) => void {
  let last = '';
  return (error) => {
    if (error.message !== last) report?.(error);
    last = error.message;
  };
}

function missing(error: unknown): undefined {
  if (error instanceof FlanError && error.code === 'E_NODE_MISSING') return undefined;
  throw error;
}

interface Awaited {
  readonly name: string;
  readonly node: NodeRecord | undefined;
  readonly net: Network;
}

/**
 * What has to happen before the Node can have a lease; undefined when nothing.
 * @throws {FlanError} E_POD_CIDR for what waiting does not mend
 */
function whatIsMissing({ name, node, net }: Awaited): FlanError | undefined {
  if (node === undefined) return nodeMissing(name);
  if (node.podCIDRs.length === 0) return noPodCidr(name);
  const subnets = subnetsOfNode(node, familiesOf(net));
  for (const family of familiesOf(net)) {
    const whole = networkOf(net, family)?.network;
    const subnet = subnets[family];
    if (subnet === undefined) return noPodCidr(name, family);
    if (whole !== undefined && !contains(whole, subnet)) {
      throw new FlanError('E_POD_CIDR', `podCIDR ${subnet} of Node ${name} lies outside of the network ${whole}`, {
        where: `Node ${name}`,
        hint: `Make Network in net-conf.json the same as --cluster-cidr of kube-controller-manager`,
      });
    }
  }
  return undefined;
}

function noPodCidr(name: string, family?: Family): FlanError {
  const which = family === undefined ? '' : `IPv${family} `;
  return new FlanError('E_POD_CIDR', `Node ${name} has no ${which}podCIDR yet`, {
    retry: true,
    where: `Node ${name}`,
    hint: 'Run kube-controller-manager with --allocate-node-cidrs=true and --cluster-cidr (kubeadm init --pod-network-cidr)',
  });
}

const leaseLost = (lease: Lease, why: string): FlanError =>
  new FlanError('E_LEASE_LOST', `the lease ${lease.key} is lost: ${why}`, {
    where: `Node ${lease.node ?? ''}`,
    hint: 'Acquire a lease again',
  });
