import { asFlanError, FlanError } from '../../errors.js';
import { type Address, FAMILIES, type Family } from '../../model/ip.js';
import type { Lease } from '../../model/lease.js';
import { familiesOf, type Network } from '../../model/network.js';
import type { LeaseEvent, LeaseStore, NodeNote } from '../store.js';
import { annotationNames } from './annotations.js';
import { type Clock, systemClock } from './clock.js';
import type { ApiClient } from './http.js';
import type { Span } from './json-bytes.js';
import { list } from './list.js';
import { listWatch, WATCH_TIMING, type WatchTiming } from './list-watch.js';
import { type DecodeNetwork, readNetConfig } from './net-config.js';
import { addressIn, leaseOfNode, NODES, type NodeLease, type NodeRecord, noAnnotations } from './node.js';
import { nodeFromBytes } from './node-bytes.js';
import { eventRequest } from './node-events.js';
import { type NodeEntry, nodeTable } from './node-table.js';
import { type NodeSource, ownNode, retrying } from './own-node.js';
import { publisher } from './publisher.js';
import { nodeIfThere, noPodCidr, readyNode } from './ready-node.js';

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
  setNetwork(state: 'up' | 'down', signal: AbortSignal): Promise<void>;
  /** As an Event of the own Node. @throws {FlanError} E_STORE_PERMISSION without the right to create events */
  note(note: NodeNote, signal: AbortSignal): Promise<void>;
}

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
      const node = await nodeIfThere(own, signal);
      const read = node && leaseOf(node, wanted);
      return read?.type === 'lease' ? read.lease : undefined;
    },

    async acquire(request, signal) {
      const { waitMs } = options;
      const waiting = { net: request.network, own, client, record, clock, timing, waitMs, report };
      const node = await readyNode(waiting, signal);
      return leaseFrom(await published.publish(request, node, signal), request.network);
    },

    async renew(lease, request, signal) {
      const node = await nodeIfThere(own, signal);
      if (node === undefined || !isOf(lease, node)) throw leaseLost(lease, 'its Node is gone or another one');
      // The subnet is the Node's; whether it is annotated at the moment does not matter, we are about to do that.
      const now = leaseFrom({ ...node, annotations: { [names.member]: 'true' } }, request.network);
      if (now.key !== lease.key) throw leaseLost(lease, `its Node now has ${now.key}`);
      return leaseFrom(await published.publish(request, node, signal), request.network);
    },

    async release(lease, signal) {
      published.forget();
      const node = await nodeIfThere(own, signal);
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

    setNetwork: (state, signal) => published.setNetwork(state, signal),

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

const leaseLost = (lease: Lease, why: string): FlanError =>
  new FlanError('E_LEASE_LOST', `the lease ${lease.key} is lost: ${why}`, {
    where: `Node ${lease.node ?? ''}`,
    hint: 'Acquire a lease again',
  });
