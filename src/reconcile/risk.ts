import { asFlanError, FlanError } from '../errors.js';
import type { Link } from '../kinds/link.js';
import { MAIN_TABLE, type Route, routeKey } from '../kinds/route.js';
import { type Address, contains, type Prefix } from '../model/ip.js';
import type { Warning } from '../model/warning.js';
import { type HostRoute, wayTo, wayWords } from '../model/way.js';
import type { Resource } from '../planner/kind.js';
import type { Plan } from '../planner/plan.js';
import { type Step, subjectOf } from '../planner/step.js';

/** Somebody whom this host must not lose touch with. */
export interface Contact {
  readonly who: 'store' | 'ssh' | 'gateway';
  readonly address: Address;
}

export interface RiskInput {
  readonly steps: readonly Step[];
  /** The routes of the host as they are, whoever made them. */
  readonly routes: readonly HostRoute[];
  readonly contacts: readonly Contact[];
}

const CODES = { store: 'W_CUTS_STORE', ssh: 'W_CUTS_SSH', gateway: 'W_CUTS_GATEWAY' } as const;
const NAMES = {
  store: 'the lease store',
  ssh: 'the machine that you are logged in from',
  gateway: 'the default gateway',
} as const;

/** The warnings that say so cut somebody off. */
export const isRisk = ({ code }: Warning): boolean => (Object.values(CODES) as readonly string[]).includes(code);

/** What a plan would do to the ways that packets take to somebody who matters: the routes of now against those of then. */
export function risksOf({ steps, routes, contacts }: RiskInput): readonly Warning[] {
  if (contacts.length === 0 || !steps.some(({ key }) => /^(route|link)\//.test(key))) return [];
  const then = afterwards(routes, steps);
  return contacts.flatMap(({ who, address }): Warning[] => {
    const [before, after] = [wayTo(address, routes), wayTo(address, then)];
    // Who is out of reach already is not cut off.
    if (before === undefined || before.carries === 'nothing' || isSameWay(before, after)) return [];
    const now = after === undefined ? 'no way leads there then' : `packets then go ${wayWords(after)}`;
    return [
      {
        code: CODES[who],
        message: `${NAMES[who]} (${address}) is reached ${wayWords(before)}: ${now}`,
        hint: 'Look twice, apply with --confirm, or leave the change out with --exclude.',
      },
    ];
  });
}

const isSameWay = (before: HostRoute, after: HostRoute | undefined): boolean =>
  after !== undefined && after.carries === before.carries && after.via === before.via && after.dev === before.dev;

const keyOf = ({ dst, metric }: HostRoute): string => routeKey({ table: MAIN_TABLE, dst, metric });

function afterwards(routes: readonly HostRoute[], steps: readonly Step[]): readonly HostRoute[] {
  const then = new Map<string, HostRoute>();
  // Of several under one key the first is the one that packets follow.
  for (const route of routes) if (!then.has(keyOf(route))) then.set(keyOf(route), route);
  const dropDevice = (name: string): void => {
    for (const [key, { dev }] of then) if (dev === name) then.delete(key);
  };
  for (const step of steps) {
    const subject = subjectOf(step);
    if (isLink(subject)) {
      // A link that is made anew or goes down loses its routes; those that are to stay are steps of their own.
      if (step.action === 'delete' || step.action === 'replace' || !subject.up) dropDevice(subject.name);
    } else if (isRoute(subject) && subject.table === MAIN_TABLE) {
      if (step.action === 'delete') then.delete(step.key);
      else then.set(step.key, hostRoute(subject));
    }
  }
  return [...then.values()];
}

const isLink = (resource: Resource): resource is Link => resource.kind === 'link';
const isRoute = (resource: Resource): resource is Route => resource.kind === 'route';

const hostRoute = ({ dst, metric, type, dev, via }: Route): HostRoute => ({
  ...{ dst, metric, carries: type === 'unicast' ? 'packets' : 'nothing' },
  ...(dev !== undefined && { dev }),
  ...(via !== undefined && { via }),
});

/** Whether a step changes or deletes what lies in a protected prefix; making what is not there yet is no harm. */
export function isProtected(step: Step, protect: readonly Prefix[]): boolean {
  if (protect.length === 0 || step.action === 'create') return false;
  const { before } = step;
  if (!isRoute(before)) return false;
  // A default route lies in no other prefix, and everything lies in it: it stands for itself alone.
  return protect.some((prefix) => prefix === before.dst || (!/\/0$/.test(prefix) && contains(prefix, before.dst)));
}

export const protectedError = ({ key, action }: Step): FlanError =>
  new FlanError('E_PROTECTED', `${key} is protected, and the plan would ${action} it`, {
    hint: 'Leave it out with --exclude, or take its prefix out of the setting protect.',
  });

/** @throws {FlanError} E_PROTECTED for the first step that touches what the setting protects */
export function refuseProtected({ steps }: Pick<Plan, 'steps'>, protect: readonly Prefix[]): void {
  const found = steps.find((step) => isProtected(step, protect));
  if (found !== undefined) throw protectedError(found);
}

export interface Refusals {
  readonly protect: readonly Prefix[];
  /** See `refuseMassDelete`. */
  readonly fraction: number;
}

/** Why `apply` would not carry out a plan, for those who only look at it. */
export function refusalsOf(plan: Plan, { protect, fraction }: Refusals): readonly Warning[] {
  const checks = [
    { code: 'W_PROTECTED', check: () => refuseProtected(plan, protect) },
    { code: 'W_MASS_DELETE', check: () => refuseMassDelete(plan, fraction) },
  ] as const;
  return checks.flatMap(({ code, check }): Warning[] => {
    try {
      check();
      return [];
    } catch (cause) {
      const { message, hint = '' } = asFlanError(cause);
      return [{ code, message: `${message}: apply refuses this`, hint }];
    }
  });
}

/** Fewer objects than this may always go. */
const FEW = 10;

/**
 * When more than `fraction` of ten or more objects of ours would go: how many of how many. An empty answer of a store that lost its data
 * looks like a cluster that was shut down. What something else is made for is not lost: another VNI, another backend.
 */
export function massDelete(
  { steps, unchanged }: Pick<Plan, 'steps' | 'unchanged'>,
  fraction: number,
): { readonly gone: number; readonly had: number } | undefined {
  const had = steps.filter(({ action }) => action !== 'create' && action !== 'adopt').length + unchanged;
  const gone = steps.filter(({ action }) => action === 'delete').length;
  // What is made or changed may stand for what goes: routes that led into a device lead past it now.
  const lost = 2 * gone - steps.length;
  return had < FEW || lost <= had * fraction ? undefined : { gone, had };
}

/** @throws {FlanError} E_MASS_DELETE, see `massDelete` */
export function refuseMassDelete(plan: Plan, fraction: number): void {
  const mass = massDelete(plan, fraction);
  if (mass === undefined) return;
  const { gone, had } = mass;
  throw new FlanError('E_MASS_DELETE', `the plan deletes ${gone} of the ${had} objects that are flan's on this host`, {
    hint: 'See that the lease store holds what it should; if it does, pass --allow-mass-delete.',
  });
}
