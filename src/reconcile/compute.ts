import type { Scope } from '../drivers/driver.js';
import type { ObservedWorld } from '../drivers/drivers.js';
import type { FlanError } from '../errors.js';
import type { Explanation } from '../host/external.js';
import type { LinkAddress } from '../kinds/address.js';
import type { LeaseListing, LeaseRequest } from '../leases/store.js';
import { isLinkLocal } from '../model/ip.js';
import { type Lease, leaseName } from '../model/lease.js';
import type { LeaseTable } from '../model/lease-table.js';
import type { Warning } from '../model/warning.js';
import { takenAlong } from '../planner/inverse.js';
import type { Kinds, Resource } from '../planner/kind.js';
import { type Observed, type Plan, plan, type Step } from '../planner/plan.js';
import { type ExternalSummary, type PlanDocument, type Refusal, summarise } from '../report/document.js';
import { FORMAT_VERSION } from '../version.js';
import { type Clash, DesiredIndex, desiredForPeer, desiredLocally, speaks } from './desired.js';
import { firstNamed } from './first-named.js';
import { type Inputs, scopeOf } from './inputs.js';
import { viewOwnLease } from './own-lease.js';
import { peerTable, quarantineError } from './peers.js';
import { hostWarnings, requestOf, type Survey, withOwn } from './survey.js';

export interface PrepareInput {
  readonly survey: Survey;
  readonly listing: LeaseListing;
  readonly kinds: Kinds;
  /** The lease that was just acquired; without it what acquiring would do is part of the plan. */
  readonly own?: Lease;
}

/** All that is known before the host's own routes and files are looked at, and what of them to look at. */
export interface Prepared {
  readonly survey: Survey;
  /** What acquiring the lease would publish. */
  readonly request: LeaseRequest;
  readonly listing: LeaseListing;
  /** With the own lease, if there is one. */
  readonly inputs: Inputs;
  readonly desired: DesiredIndex;
  readonly table: LeaseTable;
  /** How many leases of others are used. */
  readonly peers: number;
  readonly scope: Scope;
  readonly leaseStep: Step | undefined;
  readonly warnings: readonly Warning[];
}

/** The first half of a preview: what is desired. @throws {FlanError} for what makes the overlay impossible */
export function prepare({ survey, listing, kinds, own: held }: PrepareInput): Prepared {
  const first = held ? { own: held, step: undefined } : viewOwnLease(listing.leases, survey.request, kinds);
  const inputs = withOwn(survey.inputs, first.own);
  // What the lease says of us may be what we should go on saying (a MAC that peers have learned).
  const again = inputs.backend.remembers && first.step !== undefined && first.own !== undefined;
  const request = again ? requestOf(inputs, survey.previous) : survey.request;
  const view = again ? viewOwnLease(listing.leases, request, kinds) : first;
  const warnings = [...survey.warnings, ...needsWatch(inputs), ...hostWarnings(inputs, survey.facts)];
  const table = peerTable(inputs, survey.facts);
  table.absorb({ type: 'snapshot', ...listing });
  const desired = new DesiredIndex(kinds);
  desired.add('local', desiredLocally(inputs));
  const peers = table.admitted();
  for (const lease of peers) {
    desired.add(lease.key, desiredForPeer(inputs, lease));
    warnings.push(...peerWarnings(inputs, lease));
  }
  if (desired.isContested)
    for (const lease of peers) warnings.push(...clashWarnings(lease, desired.clashesOf(lease.key)));
  const scope = scopeOf(inputs, desired.desired);
  return {
    survey,
    request,
    listing,
    inputs,
    desired,
    table,
    peers: peers.length,
    scope,
    leaseStep: view.step,
    warnings,
  };
}

export interface ConcludeInput {
  readonly prepared: Prepared;
  /** What the drivers saw of `prepared.scope`. */
  readonly world: ObservedWorld;
  readonly kinds: Kinds;
  readonly adopt: 'yes' | 'no';
  /** The store's name, for people. */
  readonly store: string;
}

/** A plan with everything it was computed from. */
export interface Preview extends Prepared {
  readonly document: PlanDocument;
  readonly plan: Plan;
  readonly observed: Observed;
}

/** The second half: what is desired against what there is. */
export function conclude({ prepared, world, kinds, adopt, store }: ConcludeInput): Preview {
  const { inputs, desired, table, peers, listing, leaseStep, warnings, survey } = prepared;
  const { observed, foreign } = world;
  const { ownership } = inputs;
  const unread = listing.rejected.length;
  const doubt = unread === 0 ? '' : ` (${unread} ${unread === 1 ? 'lease' : 'leases'} cannot be read)`;
  const whyGone = (): string => `no lease asks for it any more${doubt}`;
  const known = inputs.own === undefined ? withoutOwnSubnet(observed, kinds) : observed;
  const changes = plan({ desired: desired.desired, observed: known, kinds, ownership, adopt, whyGone });
  const whole = leaseStep === undefined ? changes : { ...changes, steps: [leaseStep, ...changes.steps] };
  const document: PlanDocument = {
    format_version: FORMAT_VERSION,
    kind: 'flan.plan',
    node: inputs.identity.node,
    backend: inputs.backend.type,
    store,
    peers,
    external: summariseExternal(inputs, survey.explanation),
    plan: whole,
    foreign,
    quarantined: [
      ...listing.rejected.map(({ entry, error }) => refusal(entry, error)),
      ...table.quarantined().map((one) => refusal(one.lease.key, quarantineError(one))),
    ],
    warnings: [...warnings, ...lossWarnings(whole, { observed: known, kinds, ownership })],
    summary: summarise(whole, foreign),
  };
  return { ...prepared, document, plan: whole, observed };
}

/** Before a lease is held nobody knows which of these will be wanted, so none of them is to be taken for a leftover. */
const withoutOwnSubnet = (observed: Observed, kinds: Kinds): Observed =>
  new Map([...observed].filter(([, resource]) => !kinds.of(resource).followsFromOwnSubnet?.(resource)));

const refusal = (entry: string, { code, message }: FlanError): Refusal => ({ entry, code, message });

const summariseExternal = ({ external }: Inputs, explanation: readonly Explanation[]): ExternalSummary[] =>
  Object.values(external).map(({ family, dev, address, publicIp }) => ({
    family,
    dev,
    address,
    publicIp,
    rule: explanation.find((line) => line.family === family && line.verdict === 'picked')?.rule ?? 'given',
  }));

/** Said where one looks or applies once; `watch` has no need to hear it. */
function needsWatch({ backend }: Inputs): Warning[] {
  if (backend.needsWatch === undefined) return [];
  const message = `${backend.needsWatch}: nothing flows while it does not run`;
  return [{ code: 'W_NEEDS_WATCH', message, hint: 'Run `flan watch` as a service on every node.' }];
}

/** What is not flan's and goes with a device. */
function lossWarnings({ steps }: Plan, world: Parameters<typeof takenAlong>[1]): readonly Warning[] {
  const lost = takenAlong(steps, world).filter((key) => !isKernels(world.observed.get(key)));
  if (lost.length === 0) return [];
  return [
    {
      code: 'W_TAKEN_ALONG',
      message: `these are not flan's, and go with the devices that they stand on: ${firstNamed(lost)}`,
      hint: 'Nobody makes them again: put them somewhere else first, or put them back afterwards (flan rollback does, too).',
    },
  ];
}

/** The link-local address that every link is given. */
const isKernels = (resource: Resource | undefined): boolean =>
  resource?.kind === 'address' && isLinkLocal((resource as LinkAddress).address);

/** Of two peers with one MAC or one key only the first can be sent to. */
export const clashWarnings = (lease: Lease, clashes: readonly Clash[]): readonly Warning[] =>
  clashes.map(({ key, holder }) => ({
    code: 'W_PEER_CLASH',
    message: `${leaseName(lease)} publishes what ${holder} does too: ${key} is made for ${holder} alone`,
    hint: 'One of the two is a copy of the other: remove what it keeps its identity in, and start its daemon again.',
  }));

/** What will not work with a peer. */
export function peerWarnings({ backend, context }: Inputs, lease: Lease): readonly Warning[] {
  if (speaks(backend.publishedType, lease)) return backend.checkPeer(context, lease);
  return [
    {
      code: 'W_PEER_BACKEND',
      message: `${leaseName(lease)} runs ${lease.backendType}, this node ${backend.type}: they cannot reach each other`,
      hint: 'Give every node the same Backend in the network config.',
    },
  ];
}
