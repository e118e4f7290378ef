import { asFlanError } from '../errors.js';
import { type Lease, stacks, subnetsOf } from '../model/lease.js';
import { networksOf } from '../model/network.js';
import type { Look } from '../report/status-document.js';
import type { LeaseStatus } from '../report/watch-status.js';
import { type Preview, preview } from './preview.js';
import type { Session } from './session.js';
import type { TunnelSources } from './status-tunnels.js';

/** So many changes are named. */
const NAMED = 20;

export interface Looked {
  readonly look: Look;
  /** What tells how the tunnels do. */
  readonly tunnels: Pick<TunnelSources, 'wireguard' | 'ipsec' | 'leases'>;
}

/** A fresh look at store and kernel. @throws {FlanError} */
export async function takeLook(session: Session, signal: AbortSignal): Promise<Looked> {
  const seen = await preview({ session, adopt: 'no', signal });
  const { own } = seen.inputs;
  const lease = own && leaseStatus(own, own.expiresAtMs ?? (await session.store.expiry?.(own, signal)));
  const { tunnels: wireguard, associations: ipsec } = session;
  return { look: lookOf(seen, lease), tunnels: { wireguard, ipsec, leases: seen.table.admitted() } };
}

export function failedLook(cause: unknown): Looked {
  const { code, message, hint } = asFlanError(cause);
  const look = { state: 'failed', code, message, ...(hint !== undefined && { hint }) } as const;
  return { look, tunnels: { leases: [] } };
}

function lookOf({ document, inputs, plan }: Preview, lease: LeaseStatus | undefined): Look {
  const { backend, store, external, peers, quarantined, summary, warnings } = document;
  const { needsWatch } = inputs.backend;
  return {
    state: 'taken',
    ...{ backend, store, external, peers, summary },
    networks: networksOf(inputs.network),
    ...(lease && { lease }),
    leftOut: quarantined,
    warnings: warnings.filter(({ code }) => code !== 'W_NEEDS_WATCH'),
    changes: plan.steps.slice(0, NAMED).map(({ action, key }) => ({ action, key })),
    ...(needsWatch !== undefined && { needsWatch }),
  };
}

export const leaseStatus = (lease: Lease, expiresAtMs: number | undefined): LeaseStatus => ({
  key: lease.key,
  subnets: subnetsOf(lease),
  addresses: stacks(lease).map(({ publicIp }) => publicIp),
  ...(expiresAtMs !== undefined && { expiresAtMs }),
});
