import type { Outcome } from '../drivers/driver.js';
import type { TextFile } from '../kinds/file.js';
import { isLeaseChange, leaseKind, leaseResource } from '../kinds/lease.js';
import { allocate } from '../leases/allocate.js';
import type { Lease } from '../model/lease.js';
import { type Plan, plan, type Step } from '../planner/plan.js';
import { apply } from './apply.js';
import { scopeOf } from './inputs.js';
import type { Session } from './session.js';
import { survey } from './survey.js';

export interface DestroyInput {
  readonly session: Session;
  readonly signal: AbortSignal;
  /** Whether the lease goes back to the store too. */
  readonly lease: 'keep' | 'release';
}

export interface DestroyPreview {
  readonly plan: Plan;
  readonly foreign: Readonly<Record<string, number>>;
  /** To be released at the end. */
  readonly lease: Lease | undefined;
}

/** Everything of ours on this host, as deletions. */
export async function previewDestroy({ session, signal, lease }: DestroyInput): Promise<DestroyPreview> {
  const { inputs, request } = survey(session);
  const scope = scopeOf(inputs, new Map());
  const env: TextFile = { kind: 'file', path: session.options.subnetFile, content: '', mode: 0o644 };
  const named = { ...scope, named: [env] };
  const { observed, foreign } = await session.drivers.observe(named, session.kinds, signal);
  const changes = plan({
    desired: new Map(),
    observed,
    kinds: session.kinds,
    ownership: inputs.ownership,
    whyGone: () => 'flan destroy',
  });
  if (lease === 'keep') return { plan: changes, foreign, lease: undefined };
  const { leases } = await session.store.list(signal);
  const held = allocate({ request, leases, random: () => 0 });
  const own = held.type === 'keep' ? held.lease : held.type === 'replace' ? held.old : undefined;
  if (own === undefined) return { plan: changes, foreign, lease: undefined };
  const before = leaseResource(own, session.identity.node);
  const release: Step = {
    action: 'delete',
    key: leaseKind.key(before),
    before,
    needs: [],
    reason: 'flan destroy --release',
  };
  return { plan: { ...changes, steps: [...changes.steps, release] }, foreign, lease: own };
}

/** Carries out what `previewDestroy` showed. The lease goes last: until then nobody else may get the subnet. */
export async function destroy(shown: DestroyPreview, { session, signal }: DestroyInput): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const steps = shown.plan.steps.filter((step) => !isLeaseChange(step));
  for await (const some of apply({ steps, drivers: session.drivers, signal })) outcomes.push(...some);
  const release = shown.plan.steps.find(isLeaseChange);
  if (shown.lease !== undefined && release !== undefined && outcomes.every(({ status }) => status === 'done')) {
    await session.store.release(shown.lease, signal);
    outcomes.push({ step: release, status: 'done' });
  }
  return outcomes;
}
