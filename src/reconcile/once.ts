import type { Outcome } from '../drivers/driver.js';
import { FlanError } from '../errors.js';
import { isLeaseChange } from '../kinds/lease.js';
import type { Lease } from '../model/lease.js';
import type { Step } from '../planner/plan.js';
import { apply } from './apply.js';
import { type Clock, sleep } from './clock.js';
import { conclude } from './compute.js';
import { type Preview, preview } from './preview.js';
import type { Session } from './session.js';

export interface ApplyOnceInput {
  readonly session: Session;
  readonly adopt: 'yes' | 'no';
  readonly signal: AbortSignal;
  /** Shown the plan before anything is touched; `no` ends the run with nothing changed. */
  readonly approve: (preview: Preview) => Promise<'yes' | 'no'>;
  readonly onProgress?: (outcomes: readonly Outcome[], steps: number) => void;
  /**
   * Given what is about to be done, after the lease is held. What it throws stops the run with nothing changed; what it
   * gives is called with each slice of the steps right before that is carried out.
   */
  readonly begin?: (chosen: Preview, steps: readonly Step[]) => Promise<((slice: readonly Step[]) => void) | undefined>;
  /** Narrows every look to the part that is to be carried out. What it throws before the first change stops the run. */
  readonly revise?: (preview: Preview) => Preview;
  /** How long to look again until all reads back as applied, for what settles late; one look when absent. */
  readonly verify?: { readonly clock: Clock; readonly timeoutMs: number };
}

const FIRST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 1_000;

export interface ApplyReport {
  readonly preview: Preview;
  readonly outcomes: readonly Outcome[];
  /** Steps that a second look still found to be done; empty means the apply is verified. */
  readonly left: readonly Step[];
}

/**
 * Acquires the lease if need be, applies the plan, and verifies it by planning again.
 * @throws {FlanError} E_BACKEND, E_CONFLICT before anything is changed, E_DECLINED when not approved
 */
export async function applyOnce(input: ApplyOnceInput): Promise<ApplyReport> {
  const { session, signal, revise = asItIs } = input;
  const look = async (own?: Lease): Promise<Preview> => revise(await preview({ ...input, ...(own && { own }) }));
  let first = await look();
  refuseBackend(first);
  refuseConflicts(first);
  if (first.plan.steps.length === 0) return { preview: first, outcomes: [], left: [] };
  if ((await input.approve(first)) === 'no') {
    throw new FlanError('E_DECLINED', 'nothing was changed', { hint: 'Answer yes, or pass --yes.' });
  }
  // What was "known after apply" is known now.
  if ((await session.equip?.(signal)) === 'made') {
    first = await look();
    refuseConflicts(first);
  }
  const [lease, ...rest] = first.plan.steps;
  const leaseStep = lease !== undefined && isLeaseChange(lease) ? lease : undefined;
  if (leaseStep === undefined) return finish(input, first, []);
  // With the subnet known more is desired (subnet.env) and others' claims to it are refused: look again.
  const own = await session.store.acquire(first.request, signal);
  const acquired: Outcome = { step: leaseStep, status: 'done' };
  input.onProgress?.([acquired], first.plan.steps.length);
  const second = rest.length === 0 && leaseStep.action === 'update' ? first : await look(own);
  refuseConflicts(second);
  return finish(input, second, [acquired]);
}

const asItIs = (preview: Preview): Preview => preview;

async function finish(input: ApplyOnceInput, chosen: Preview, acquired: readonly Outcome[]): Promise<ApplyReport> {
  const { session, signal } = input;
  const outcomes = [...acquired];
  const steps = chosen.plan.steps.filter((step) => !isLeaseChange(step));
  const before = await input.begin?.(chosen, steps);
  for await (const some of apply({ steps, drivers: session.drivers, signal, before })) {
    outcomes.push(...some);
    input.onProgress?.(some, acquired.length + steps.length);
  }
  if (signal.aborted) return { preview: chosen, outcomes, left: steps.slice(outcomes.length - acquired.length) };
  return { preview: chosen, outcomes, left: await leftAfter({ ...input, chosen, outcomes }) };
}

interface Verification extends ApplyOnceInput {
  readonly chosen: Preview;
  readonly outcomes: readonly Outcome[];
}

/** What does not read back as applied. What failed anyway is nothing to wait for. */
async function leftAfter(input: Verification): Promise<readonly Step[]> {
  const { session, chosen, outcomes, signal, adopt, verify, revise = asItIs } = input;
  const failed = new Set(outcomes.flatMap(({ status, step }) => (status === 'done' ? [] : [step.key])));
  const endMs = verify === undefined ? 0 : verify.clock.nowMs() + verify.timeoutMs;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    // Against what was asked for: a peer that came meanwhile is for the next run, not a fault of this one.
    const world = await session.drivers.observe(chosen.scope, session.kinds, signal);
    const again = revise(conclude({ prepared: chosen, world, kinds: session.kinds, adopt, store: session.store.name }));
    const left = again.plan.steps.filter((step) => !isLeaseChange(step));
    if (verify === undefined || !left.some(({ key }) => !failed.has(key))) return left;
    const remainingMs = endMs - verify.clock.nowMs();
    if (remainingMs <= 0) return left;
    await sleep(verify.clock, Math.min(waitMs, remainingMs), signal).catch(() => undefined);
    if (signal.aborted) return left;
  }
}

/** What needs a process that goes on running cannot be applied once; half of it would be routes into nowhere. */
function refuseBackend({ inputs: { backend } }: Preview): void {
  if (backend.needsWatch === undefined) return;
  throw new FlanError('E_BACKEND', `${backend.needsWatch}: there is nothing that apply could do`, {
    hint: 'Run `flan watch` on this node instead.',
  });
}

function refuseConflicts({ plan: { conflicts } }: Preview): void {
  const [first] = conflicts;
  if (first === undefined) return;
  const more = conflicts.length > 1 ? ` and ${conflicts.length - 1} more` : '';
  throw new FlanError('E_CONFLICT', `${first.key}${more}: something that is not flan's stands there`, {
    hint: 'Look at it with `flan plan`, then remove it or take it over with --adopt.',
  });
}
