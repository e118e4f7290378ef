import { randomInt } from 'node:crypto';
import { KNOWN_AFTER_APPLY, leaseKind, leaseResource, type OwnLease, ownLease } from '../kinds/lease.js';
import { allocate } from '../leases/allocate.js';
import type { LeaseRequest } from '../leases/store.js';
import type { Lease } from '../model/lease.js';
import type { Kinds } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';

export interface OwnLeaseView {
  /** The lease this node holds now, if it can be kept. */
  readonly own: Lease | undefined;
  /** What acquiring or publishing would change; undefined when the store already says what we want it to. */
  readonly step: Step | undefined;
}

/** A lease that people wrote without a backend keeps none, unless peers need data of that backend. */
const staysAsWritten = ({ nodeId, backendType }: Lease, { backendData, backendV6Data }: OwnLease): boolean =>
  nodeId === undefined && backendType === '' && backendData === undefined && backendV6Data === undefined;

/** What `acquire` would do, without doing it. @throws {FlanError} E_SUBNETS_EXHAUSTED, E_NETWORK_CONFIG */
export function viewOwnLease(leases: readonly Lease[], request: LeaseRequest, kinds: Kinds): OwnLeaseView {
  const { node } = request.identity;
  const decision = allocate({ request, leases, random: (max) => randomInt(max) });
  const [v4, v6] = [request.published[4], request.published[6]];
  const wanted = (subnets: { readonly ipv4?: string; readonly ipv6?: string }) =>
    ownLease({
      node,
      backendType: request.backendType,
      ...(request.network.ipv4 && { ipv4: { ...v4, subnet: subnets.ipv4 ?? KNOWN_AFTER_APPLY } }),
      ...(request.network.ipv6 && { ipv6: { ...v6, subnet: subnets.ipv6 ?? KNOWN_AFTER_APPLY } }),
    });
  if (decision.type === 'keep') {
    const { lease, because: reason } = decision;
    const before = leaseResource(lease, node);
    const full = wanted({
      ...(lease.ipv4 && { ipv4: lease.ipv4.subnet }),
      ...(lease.ipv6 && { ipv6: lease.ipv6.subnet }),
    });
    const after = staysAsWritten(lease, full) ? { ...full, backendType: before.backendType } : full;
    const fields = kinds.differing(before, after);
    const key = leaseKind.key(after);
    const step: Step = { action: 'update', key, before, after, fields, needs: [], reason };
    return { own: lease, step: fields.length === 0 ? undefined : step };
  }
  // Only what this node held before is sure to be chosen again: anything else is drawn when it is applied.
  const { previous } = request;
  const kept = {
    ...(previous.ipv4 && decision.ipv4 === previous.ipv4 && { ipv4: previous.ipv4 }),
    ...(previous.ipv6 && decision.ipv6 === previous.ipv6 && { ipv6: previous.ipv6 }),
  };
  const after = wanted(kept);
  const key = leaseKind.key(after);
  if (decision.type === 'take') {
    const reason = `${node} holds no lease yet`;
    return { own: undefined, step: { action: 'create', key, after, needs: [], reason } };
  }
  const before = leaseResource(decision.old, node);
  const step: Step = {
    action: 'replace',
    key,
    before,
    after,
    needs: [],
    fields: kinds.differing(before, after),
    reason: decision.because.split(';')[0] ?? decision.because,
  };
  return { own: undefined, step };
}
