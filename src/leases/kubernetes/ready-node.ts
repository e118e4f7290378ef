import { FlanError } from '../../errors.js';
import { contains, type Family } from '../../model/ip.js';
import { familiesOf, type Network, networkOf } from '../../model/network.js';
import type { StoreState } from '../store.js';
import type { Clock } from './clock.js';
import type { ApiClient } from './http.js';
import type { Span } from './json-bytes.js';
import { listWatch, type WatchTiming } from './list-watch.js';
import { NODES, type NodeRecord, subnetsOfNode } from './node.js';
import { nodeMissing, type OwnNode } from './own-node.js';

export interface ReadyNodeInput {
  readonly net: Network;
  readonly own: OwnNode;
  readonly client: ApiClient;
  readonly record: (bytes: Buffer, span: Span) => NodeRecord;
  readonly clock: Clock;
  readonly timing: WatchTiming;
  /** As long as the signal lets it when absent. */
  readonly waitMs: number | undefined;
  /** Told what is being waited for. */
  readonly report: (error: FlanError) => void;
}

/**
 * Follows the own Node until it has what a lease needs.
 * @throws {FlanError} E_NODE_MISSING, E_POD_CIDR when the wait is over, the latter at once for what waiting does not mend
 */
export async function readyNode(input: ReadyNodeInput, signal: AbortSignal): Promise<NodeRecord> {
  const { net, own, client, record, clock, timing, waitMs, report } = input;
  const name = await own.name(signal);
  const first = await nodeIfThere(own, signal);
  let problem = whatIsMissing({ name, node: first, net });
  if (first && problem === undefined) return first;
  const limit = waitMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
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
}

/** The own Node; undefined when there is none. */
export async function nodeIfThere(own: OwnNode, signal: AbortSignal): Promise<NodeRecord | undefined> {
  try {
    return await own.read(signal);
  } catch (error) {
    if (error instanceof FlanError && error.code === 'E_NODE_MISSING') return undefined;
    throw error;
  }
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

export function noPodCidr(name: string, family?: Family): FlanError {
  const which = family === undefined ? '' : `IPv${family} `;
  return new FlanError('E_POD_CIDR', `Node ${name} has no ${which}podCIDR yet`, {
    retry: true,
    where: `Node ${name}`,
    hint: 'Run kube-controller-manager with --allocate-node-cidrs=true and --cluster-cidr (kubeadm init --pod-network-cidr)',
  });
}
