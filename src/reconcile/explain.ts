import type { KernelAnswer } from '../host/kernel-answer.js';
import type { Route } from '../kinds/route.js';
import { type Address, addressAt, contains, lengthOf } from '../model/ip.js';
import { type Lease, leaseName, stacks, subnetsOf } from '../model/lease.js';
import { networksOf } from '../model/network.js';
import type { Key, Kinds } from '../planner/kind.js';
import type {
  ExplainDocument,
  ExplainedLease,
  ExplainedObject,
  KernelWord,
  ObjectState,
} from '../report/explain-document.js';
import { pastOf } from '../report/explain-history.js';
import type { HistoryEntry } from '../report/history-entry.js';
import { leaseRows } from '../report/lease-rows.js';
import { FORMAT_VERSION } from '../version.js';
import { type Preview, peerWarnings } from './compute.js';
import type { Subject } from './explain-subject.js';

export interface ExplainInput {
  readonly asked: string;
  readonly subject: Subject;
  readonly seen: Preview;
  readonly kinds: Kinds;
  readonly history: readonly HistoryEntry[];
  /** The kernel's word on `addressToAsk`. */
  readonly answer?: KernelAnswer | undefined;
  /** When the subject's lease ends, where the store tells that apart. */
  readonly expiresAtMs?: number | undefined;
  readonly nowMs: number;
}

/** The address that the kernel is asked the way to. */
export function addressToAsk(subject: Subject): Address | undefined {
  if (subject.type === 'address') return subject.address;
  if (subject.type === 'object') return undefined;
  const [first] = subnetsOf(subject.lease);
  return first && addressAt(first, 1);
}

/** What has to do with the subject, what should be and what is, and whether that is in order. Decides from values alone. */
export function explain(input: ExplainInput): ExplainDocument {
  const { asked, subject, seen, nowMs } = input;
  const lease = subject.type === 'object' ? undefined : subject.lease;
  const explained = lease && explainedLease(lease, input);
  const objects = keysOf(subject, seen).map((key) => explainedObject(key, input));
  const kernel = kernelWord(input);
  const ofLease = leaseProblems(input, explained, objects);
  const problems = [
    ...ofLease,
    ...objects.flatMap(objectProblem),
    ...(kernel === undefined ? [] : kernelProblems(kernel.answer, input)),
  ];
  const needsNothing = explained?.role === 'peer' && objects.length === 0 && ofLease.length === 0;
  const isOurs = objects.length > 0 || explained !== undefined || isInNetwork(subject, seen);
  return {
    format_version: FORMAT_VERSION,
    kind: 'flan.explain',
    ...{ atMs: nowMs, asked, node: seen.document.node, backend: seen.document.backend },
    state: !isOurs ? "not flan's" : problems.length === 0 ? 'in order' : 'not in order',
    problems: isOurs ? problems : [],
    is: `${whatItIs(subject, explained, seen)}${needsNothing ? `; ${seen.document.backend} makes nothing here for a peer` : ''}`,
    ...(explained && { lease: explained }),
    ...(kernel && { kernel }),
    objects,
  };
}

function whatItIs(subject: Subject, lease: ExplainedLease | undefined, seen: Preview): string {
  if (subject.type === 'object') return `an object of flan's on ${seen.document.node}`;
  if (lease === undefined) {
    return isInNetwork(subject, seen)
      ? 'an address of the overlay that no lease covers'
      : 'an address outside the overlay: flan has nothing to do with it';
  }
  const whose = lease.role === 'own' ? 'this node' : lease.name;
  if (subject.type === 'lease') return `the lease of ${whose}`;
  return subject.as === 'node' ? `the address that ${whose} is reached by` : `an address in the subnet of ${whose}`;
}

const isInNetwork = (subject: Subject, { inputs }: Preview): boolean =>
  subject.type === 'address' && networksOf(inputs.network).some((network) => contains(network, subject.address));

function explainedLease(lease: Lease, { seen, expiresAtMs }: ExplainInput): ExplainedLease {
  const [row] = leaseRows([lease], seen.table);
  const ends = lease.expiresAtMs ?? expiresAtMs;
  return {
    key: lease.key,
    role: row?.role ?? 'reserved',
    name: leaseName(lease),
    subnets: subnetsOf(lease),
    addresses: stacks(lease).map(({ publicIp }) => publicIp),
    backendType: lease.backendType,
    ...(ends !== undefined && { expiresAtMs: ends }),
    ...(lease.origin !== undefined && { origin: lease.origin }),
    ...(row?.why !== undefined && { why: row.why }),
  };
}

/** The objects that have to do with the subject, in the order they are made. */
function keysOf(subject: Subject, seen: Preview): readonly Key[] {
  const { desired, observed, table } = seen;
  if (subject.type === 'object') return [subject.key];
  const { lease } = subject;
  if (lease !== undefined) {
    const isOwn = table.own().some(({ key }) => key === lease.key);
    return desired.keysOf(isOwn ? 'local' : lease.key);
  }
  if (subject.type !== 'address') return [];
  const { address } = subject;
  // What is left of a lease that is gone.
  return [...observed].flatMap(([key, resource]) => {
    const isStale = resource.kind === 'route' && !desired.desired.has(key);
    return isStale && contains((resource as Route).dst, address) ? [key] : [];
  });
}

function explainedObject(key: Key, { seen, kinds, history }: ExplainInput): ExplainedObject {
  const [wanted, there] = [seen.desired.desired.get(key), seen.observed.get(key)];
  const isOurs = there !== undefined && kinds.of(there).owns(there, seen.inputs.ownership);
  const state = (): ObjectState => {
    if (there === undefined) return 'missing';
    if (wanted === undefined) return 'stale';
    if (!isOurs) return 'foreign';
    return kinds.differing(there, wanted.resource).length === 0 ? 'in place' : 'differs';
  };
  return {
    key,
    state: state(),
    ...(wanted && { desired: kinds.of(wanted.resource).describe(wanted.resource), because: wanted.because }),
    ...(there && { observed: kinds.of(there).describe(there) }),
    ...pastOf(key, history),
  };
}

function leaseProblems(
  { subject, seen }: ExplainInput,
  explained: ExplainedLease | undefined,
  objects: readonly ExplainedObject[],
): readonly string[] {
  if (subject.type === 'object') return [];
  const { lease } = subject;
  if (lease === undefined || explained === undefined) {
    return subject.type === 'address' && objects.length === 0 ? ['no node holds the subnet, so nobody answers'] : [];
  }
  const { role, why } = explained;
  if (role === 'left out') return [`the lease is left out: ${why ?? 'it cannot be used'}`];
  if (role === 'reserved') return ['the subnet is reserved, and no node holds it'];
  return role === 'peer' && objects.length === 0 ? whyNothing(lease, seen) : [];
}

/** Why nothing leads to a peer; empty where the backend makes nothing for single peers. */
function whyNothing(lease: Lease, { inputs }: Preview): readonly string[] {
  if (stacks(lease).some(({ family }) => inputs.external[family] !== undefined)) {
    return peerWarnings(inputs, lease).map(({ message }) => message);
  }
  return [`nothing leads to ${leaseName(lease)}: it has no address of a family that this node serves`];
}

function objectProblem({ key, state, desired, observed }: ExplainedObject): readonly string[] {
  switch (state) {
    case 'in place':
      return [];
    case 'missing':
      return [`${key} is missing`];
    case 'differs':
      return [`${key} is ${observed}, and should be ${desired}`];
    case 'foreign':
      return [`${key} is somebody else's: ${observed}`];
    case 'stale':
      return [`${key} is left over: nothing asks for it any more`];
  }
}

function kernelWord(input: ExplainInput): KernelWord | undefined {
  const { subject, answer, kinds } = input;
  const address = addressToAsk(subject);
  if (address === undefined || answer === undefined) return undefined;
  const route = wantedRoute(address, input);
  return { address, answer, ...(route && { wanted: kinds.key(route) }) };
}

/** Of the routes that should be the one that packets to the address should take. */
function wantedRoute(address: Address, { seen }: Pick<ExplainInput, 'seen'>): Route | undefined {
  let best: Route | undefined;
  for (const { resource } of seen.desired.desired.values()) {
    if (resource.kind !== 'route') continue;
    const route = resource as Route;
    if (!contains(route.dst, address)) continue;
    if (best === undefined || lengthOf(route.dst) > lengthOf(best.dst)) best = route;
  }
  return best;
}

function kernelProblems(answer: KernelAnswer, input: ExplainInput): readonly string[] {
  const { subject, seen } = input;
  const address = addressToAsk(subject);
  if (address === undefined || subject.type === 'object') return [];
  if (subject.type === 'address' && subject.as === 'node') return nodeProblems(answer, input);
  const isOwn = subject.lease !== undefined && seen.table.own().some(({ key }) => key === subject.lease?.key);
  const wanted = wantedRoute(address, input);
  // Where packets of the own subnet go is for the container runtime to say.
  if (isOwn || wanted === undefined) return [];
  if (answer.state === 'no way') {
    return wanted.type === 'unicast' ? [`the kernel has no way to ${address} (${answer.refusal})`] : [];
  }
  const { dev, via, entry } = answer;
  if (wanted.type === 'unicast' && dev === wanted.dev && via === wanted.via) return [];
  const how = [via === undefined ? '' : `via ${via}`, dev === undefined ? '' : `dev ${dev}`].filter(Boolean).join(' ');
  return [`the kernel sends packets to ${address} ${how || 'nowhere'}, by ${entry.dst} (proto ${entry.proto})`];
}

/** Packets that carry the overlay must not go into it. */
function nodeProblems(answer: KernelAnswer, { seen }: ExplainInput): readonly string[] {
  if (answer.state === 'no way') return [`the kernel has no way to the node (${answer.refusal})`];
  const isOverlay = answer.dev !== undefined && seen.desired.desired.has(`link/${answer.dev}` as Key);
  return isOverlay ? [`the way to the node leads through the overlay itself (${answer.dev})`] : [];
}
