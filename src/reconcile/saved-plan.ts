import { FlanError } from '../errors.js';
import { isLeaseChange } from '../kinds/lease.js';
import { ABSENT, digestOf, fingerprint } from '../planner/fingerprint.js';
import type { Key, Kinds, Resource } from '../planner/kind.js';
import { type Plan, plan, type Wanted } from '../planner/plan.js';
import { summarise } from '../report/document.js';
import { type Basis, type Moved, movedLines, type PlanHost, type SavedPlan } from '../report/saved-plan.js';
import { FORMAT_VERSION, VERSION } from '../version.js';
import type { Preview } from './compute.js';
import { networkWithoutSecrets } from './network-without-secrets.js';

export interface SavePlanInput {
  readonly preview: Preview;
  readonly kinds: Kinds;
  readonly host: PlanHost;
  readonly adopt: 'yes' | 'no';
  readonly nowMs: number;
  readonly validMs: number;
}

/** A plan as it is written to a file: what is to be done, and what that takes for granted. */
export function savePlan({ preview, kinds, host, adopt, nowMs, validMs }: SavePlanInput): SavedPlan {
  const whole = {
    format_version: FORMAT_VERSION,
    kind: 'flan.saved-plan',
    flan: VERSION,
    host,
    adopt,
    created_at: new Date(nowMs).toISOString(),
    expires_at: new Date(nowMs + validMs).toISOString(),
    basis: basisOf(preview, preview.plan, kinds),
    document: preview.document,
  } as const;
  return { ...whole, digest: digestOf(whole) };
}

/** What the objects that `touched` names are, and should be, in the eyes of `preview`. */
export function basisOf(preview: Preview, touched: Plan, kinds: Kinds): Basis {
  const keys = [...touched.steps, ...touched.conflicts].map(({ key }) => key);
  const needed = touched.steps.flatMap(({ needs }) => needs).filter((key) => !keys.includes(key));
  const desired: Record<string, string> = {};
  const observed: Record<string, string> = {};
  for (const key of keys) {
    const [wanted, there] = bothOf(preview, key);
    desired[key] = fingerprint(wanted, kinds);
    observed[key] = fingerprint(there, kinds);
  }
  const relied: Record<string, string> = { 'network config': digestOf(networkWithoutSecrets(preview.inputs.network)) };
  for (const { family, index: _, ...external } of Object.values(preview.inputs.external)) {
    relied[`external interface IPv${family}`] = digestOf(external);
  }
  // What is not ours (eth0) is not observed; that it stands there and carries the overlay is said above.
  for (const key of new Set(needed)) {
    if (preview.observed.has(key)) relied[key] = fingerprint(preview.observed.get(key), kinds);
  }
  return { desired, observed, relied };
}

/** What is wanted under a key, and what is there. The own lease is in no index: its step alone knows. */
function bothOf({ leaseStep, desired, observed }: Preview, key: Key): [Resource | undefined, Resource | undefined] {
  if (leaseStep?.key !== key) return [desired.desired.get(key)?.resource, observed.get(key)];
  return [
    leaseStep.action === 'delete' ? undefined : leaseStep.after,
    leaseStep.action === 'create' ? undefined : leaseStep.before,
  ];
}

/** What is not as it was when the plan was made; empty while the plan may be applied. */
export function movedSince(saved: SavedPlan, preview: Preview, kinds: Kinds): readonly Moved[] {
  const now = basisOf(preview, saved.document.plan, kinds);
  const moved = (side: Moved['side'], before: Basis['desired'], after: Basis['desired']): Moved[] =>
    Object.entries(before).flatMap(([key, was]) => {
      const is = after[key] ?? ABSENT;
      return is === was ? [] : [{ key, side, what: wordsOf({ preview, kinds, key: key as Key, side, was, is }) }];
    });
  const { 'network config': networkWas = ABSENT, ...reliedWas } = saved.basis.relied;
  const { 'network config': networkIs = ABSENT, ...reliedIs } = now.relied;
  return [
    ...moved('desired', { 'network config': networkWas }, { 'network config': networkIs }),
    ...moved('desired', saved.basis.desired, now.desired),
    ...moved('kernel', reliedWas, reliedIs),
    ...moved('kernel', saved.basis.observed, now.observed),
  ];
}

interface WordsInput {
  readonly preview: Preview;
  readonly kinds: Kinds;
  readonly key: Key;
  readonly side: Moved['side'];
  readonly was: string;
  readonly is: string;
}

function wordsOf({ preview, kinds, key, side, was, is }: WordsInput): string {
  const [wanted, there] = bothOf(preview, key);
  const resource = side === 'desired' ? wanted : there;
  const words = resource === undefined ? '' : kinds.of(resource).describe(resource);
  if (side === 'desired') {
    if (is === ABSENT) return 'nothing asks for it any more';
    return was === ABSENT ? `it is wanted again: ${words}` : words === '' ? 'it is another one now' : `now ${words}`;
  }
  if (is === ABSENT) return 'it is gone';
  return was === ABSENT ? `it is there already: ${words}` : words === '' ? 'it is another one now' : `now ${words}`;
}

/** Which kinds of staleness the user has excused. */
export type AllowStale = readonly Moved['side'][];

export interface FollowInput {
  readonly saved: SavedPlan;
  readonly kinds: Kinds;
  readonly allowStale: AllowStale;
}

/**
 * Keeps an apply to what a saved plan says: `applyOnce` asks it at every look. The first one is compared with the plan's
 * basis; the later ones, when a lease or a key has just been made, know what was `(known after apply)`.
 * @throws {FlanError} E_PLAN_STALE listing all that moved
 */
export function followSavedPlan({ saved, kinds, allowStale }: FollowInput): (preview: Preview) => Preview {
  let overruled: ReadonlySet<string> | undefined;
  const check = (preview: Preview): ReadonlySet<string> => {
    const moved = movedSince(saved, preview, kinds);
    refuseMoved(moved.filter(({ side }) => !allowStale.includes(side)));
    return new Set(moved.filter(({ side }) => side === 'desired').map(({ key }) => key));
  };
  return (preview) => {
    overruled ??= check(preview);
    return withPlan(preview, partOf({ preview, saved, kinds, overruled }));
  };
}

function refuseMoved(moved: readonly Moved[]): void {
  const [first] = moved;
  if (first === undefined) return;
  const sides = [...new Set(moved.map(({ side }) => side))];
  const count = moved.length === 1 ? '' : ` (${moved.length} things moved)`;
  throw new FlanError('E_PLAN_STALE', `the plan does not fit any more${count}:\n  ${movedLines(moved).join('\n  ')}`, {
    hint: `Make a new plan, or apply this one all the same with ${sides.map((s) => `--allow-stale=${s}`).join(' ')}.`,
  });
}

interface PartInput {
  readonly preview: Preview;
  readonly saved: SavedPlan;
  readonly kinds: Kinds;
  /** Keys whose desired state is taken from the file, whatever the leases say now. */
  readonly overruled: ReadonlySet<string>;
}

/** The steps under the plan's keys, computed anew; what the file itself says is carried out only where that was allowed. */
function partOf({ preview, saved, kinds, overruled }: PartInput): Plan {
  const { steps } = saved.document.plan;
  const lease = steps.find(isLeaseChange);
  const target = new Map<Key, Wanted>();
  const keys = new Set<Key>();
  for (const step of steps) {
    if (step === lease) continue;
    keys.add(step.key);
    const wanted = preview.desired.desired.get(step.key);
    if (overruled.has(step.key)) {
      if (step.action !== 'delete') target.set(step.key, { resource: step.after, because: step.reason });
    } else if (wanted !== undefined) target.set(step.key, wanted);
  }
  // What follows from the own lease could not be known before there was one.
  const isNew = lease !== undefined && lease.action !== 'delete' && preview.inputs.own !== undefined;
  for (const key of isNew ? preview.desired.keysOf('local') : []) {
    const wanted = preview.desired.desired.get(key);
    if (keys.has(key) || wanted === undefined) continue;
    keys.add(key);
    target.set(key, wanted);
  }
  const reasons = new Map(steps.map(({ key, reason }) => [key, reason]));
  const part = plan({
    desired: target,
    observed: preview.observed,
    kinds,
    ownership: preview.inputs.ownership,
    adopt: saved.adopt,
    keys,
    whyGone: (resource) => reasons.get(kinds.key(resource)) ?? 'the saved plan says so',
  });
  return lease === undefined || preview.leaseStep === undefined
    ? part
    : { ...part, steps: [preview.leaseStep, ...part.steps] };
}

/** The same preview with another plan. */
export const withPlan = (preview: Preview, part: Plan): Preview => {
  const { document } = preview;
  return { ...preview, plan: part, document: { ...document, plan: part, summary: summarise(part, document.foreign) } };
};
