import type { FlanError } from '../errors.js';
import type { Explanation } from '../host/external.js';
import type { LeaseListing } from '../leases/store.js';
import { type Lease, leaseName } from '../model/lease.js';
import type { LeaseTable } from '../model/lease-table.js';
import type { Warning } from '../model/warning.js';
import { type Observed, type Plan, plan } from '../planner/plan.js';
import { type ExternalSummary, type PlanDocument, type Refusal, summarise } from '../report/document.js';
import { FORMAT_VERSION } from '../version.js';
import { DesiredIndex, desiredForPeer, desiredLocally, speaks } from './desired.js';
import { type Inputs, scopeOf } from './inputs.js';
import { viewOwnLease } from './own-lease.js';
import { peerTable, quarantineError } from './peers.js';
import type { Session } from './session.js';
import { hostWarnings, type Survey, survey, withOwn } from './survey.js';

/** A plan with everything it was computed from. */
export interface Preview {
  readonly document: PlanDocument;
  readonly plan: Plan;
  readonly survey: Survey;
  /** With the own lease, if there is one. */
  readonly inputs: Inputs;
  readonly desired: DesiredIndex;
  readonly observed: Observed;
  readonly table: LeaseTable;
  readonly listing: LeaseListing;
}

export interface PreviewInput {
  readonly session: Session;
  readonly adopt: 'yes' | 'no';
  readonly signal: AbortSignal;
  /** The lease that was just acquired; without it the store is only looked at. */
  readonly own?: Lease;
}

/** What would change, without changing anything: not the kernel, not a file, not the store. */
export async function preview({ session, adopt, signal, own: held }: PreviewInput): Promise<Preview> {
  const seen = await survey(session, signal);
  const listing = await session.store.list(signal);
  const view = held === undefined ? viewOwnLease(listing.leases, seen.request, session.kinds) : { own: held };
  const made = withOwn(seen.inputs, view.own);
  const warnings = [...seen.warnings, ...hostWarnings(made, seen.facts)];
  const table = peerTable(made, seen.facts);
  table.absorb({ type: 'snapshot', ...listing });

  const desired = new DesiredIndex(session.kinds);
  desired.set('local', desiredLocally(made));
  const peers = [...table.admitted()];
  for (const lease of peers) {
    desired.set(lease.key, desiredForPeer(made, lease));
    warnings.push(...peerWarnings(made, lease));
  }
  const scope = scopeOf(made, desired.desired);
  const { observed, foreign } = await session.drivers.observe(scope, session.kinds, signal);
  const changes = plan({
    desired: desired.desired,
    observed,
    kinds: session.kinds,
    ownership: made.ownership,
    adopt,
    whyGone: () => 'no lease asks for it any more',
  });
  const whole =
    'step' in view && view.step !== undefined ? { ...changes, steps: [view.step, ...changes.steps] } : changes;
  const document: PlanDocument = {
    format_version: FORMAT_VERSION,
    kind: 'flan.plan',
    node: session.identity.node,
    backend: made.backend.type,
    store: session.store.name,
    peers: peers.length,
    external: summariseExternal(made, seen.explanation),
    plan: whole,
    foreign,
    quarantined: [
      ...listing.rejected.map(({ entry, error }) => refusal(entry, error)),
      ...[...table.quarantined()].map((one) => refusal(one.lease.key, quarantineError(one))),
    ],
    warnings,
    summary: summarise(whole, foreign),
  };
  return { document, plan: whole, survey: seen, inputs: made, desired, observed, table, listing };
}

const refusal = (entry: string, { code, message }: FlanError): Refusal => ({ entry, code, message });

const summariseExternal = ({ external }: Inputs, explanation: readonly Explanation[]): ExternalSummary[] =>
  Object.values(external).map(({ family, dev, address, publicIp }) => ({
    family,
    dev,
    address,
    publicIp,
    rule: explanation.find((line) => line.family === family && line.verdict === 'picked')?.rule ?? 'given',
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
