import { asFlanError, FlanError } from '../../errors.js';
import type { CloudForwarding } from '../../kinds/cloud-forwarding.js';
import {
  type CloudEntry,
  type CloudRoute,
  cloudRouteKey,
  cloudRouteKind,
  isMakeable,
  targetName,
} from '../../kinds/cloud-route.js';
import { kinds } from '../../kinds/index.js';
import type { CloudFacts } from '../../model/cloud.js';
import type { Prefix } from '../../model/ip.js';
import type { Key } from '../../planner/kind.js';
import type { Step } from '../../planner/plan.js';
import type { Driver, Notice, Observation, Outcome, Scope } from '../driver.js';
import type { CloudClient, CloudEdge, RouteQuery } from './client.js';
import { awake, byKey, type CloudLook, type CloudSelf, needsLeases, observationOf, reads } from './look.js';
import { differences } from './news.js';

export interface CloudDriver extends Driver {
  /** What the cloud said of this instance last. */
  facts(): CloudFacts;
}

export interface CloudDriverInit {
  readonly client: CloudClient;
  readonly edge: CloudEdge;
  /** What the cloud said when the session was opened. */
  readonly facts: CloudFacts;
  /** Which of the interfaces carries the overlay, as things are now. @throws {FlanError} E_BACKEND, E_IFACE */
  readonly self: () => CloudSelf;
  /** The network that is served now. */
  readonly network: Prefix | undefined;
  /** The subnets of all leases. */
  readonly leased: (signal: AbortSignal) => Promise<readonly Prefix[]>;
  /** Between two looks while following, varied by a quarter. */
  readonly pollMs: number;
}

/** Clouds answer from copies that lag: how long what was written may not be seen. */
const LAG_MS = 60_000;
/** The same for a daemon, which looks again by itself and has other things to do. */
const LAG_IN_WATCH_MS = 10_000;
/** For how long after it was seen another copy may still say otherwise, and how often that is looked at again. */
const ECHO_MS = 5000;
const ECHO_PAUSES_MS = [250, 500, 1000];
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4000;
/** While following, the cloud is not asked more often than this, whatever happens on the host. */
const FRESH_MS = 30_000;
/** What it says of the instance is good for the looks of one command. */
const FACTS_MS = 3000;

/** Routes in the tables of a cloud: the same for all clouds, each of which has a client. */
export function cloudDriver(init: CloudDriverInit): CloudDriver {
  const { client, edge, network, leased, pollMs } = init;
  let { facts } = init;
  let factsAtMs = edge.nowMs();
  let last: CloudLook | undefined;
  let lastScope: Scope | undefined;
  let following:
    | { readonly scope: Scope; readonly tell: (notice: Notice) => void; readonly signal: AbortSignal }
    | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** When the cloud last did not answer. */
  let failedAtMs = Number.NEGATIVE_INFINITY;
  /** Counts what was written: a look that began before knows nothing of it. */
  let writes = 0;
  const recent = new Map<Key, { readonly wanted: CloudRoute | undefined; readonly untilMs: number }>();

  const routes = async (query: RouteQuery, signal: AbortSignal): Promise<readonly CloudEntry[]> =>
    awake(await client.routes(query, signal), init.self().target);

  /** What stands at one destination now. */
  const standingAt = async ({ table, dst }: CloudRoute, signal: AbortSignal): Promise<readonly CloudEntry[]> => {
    const entries = await routes({ tables: [table], networks: [dst] }, signal);
    return entries.filter((entry) => entry.table === table && entry.dst === dst);
  };

  /** Whether what was just written is not to be seen yet. */
  const lags = (entries: readonly CloudEntry[]): boolean => {
    const groups = byKey(entries);
    return [...recent].some(([key, { wanted, untilMs }]) => {
      if (untilMs > edge.nowMs()) return !reads(groups.get(key) ?? [], wanted);
      recent.delete(key);
      return false;
    });
  };

  const relocate = async (signal: AbortSignal): Promise<void> => {
    facts = { ...(await client.locate('locate', signal)), denied: facts.denied };
    factsAtMs = edge.nowMs();
  };

  const look = async (scope: Scope, signal: AbortSignal): Promise<CloudLook> => {
    if (edge.nowMs() > factsAtMs + FACTS_MS) await relocate(signal);
    const self = init.self();
    const query = { tables: self.tables, networks: scope.ownership.networks as readonly Prefix[] };
    let entries = await routes(query, signal);
    for (const pauseMs of ECHO_PAUSES_MS) {
      if (!lags(entries)) break;
      await edge.sleep(pauseMs, signal);
      entries = await routes(query, signal);
    }
    const subnets = needsLeases(entries, scope) ? await leased(signal) : [];
    return { atMs: edge.nowMs(), facts, self, entries, network, leased: subnets };
  };

  const arm = (): void => {
    clearTimeout(timer);
    if (following === undefined || following.signal.aborted) return;
    timer = setTimeout(() => void poll(), pollMs * (0.75 + edge.random() / 2));
    timer.unref();
  };

  const poll = async (): Promise<void> => {
    if (following === undefined) return;
    const { tell, signal } = following;
    const scope = lastScope ?? following.scope;
    const [before, began] = [last, writes];
    try {
      const found = await look(scope, signal);
      if (began === writes) {
        last = found;
        if (before !== undefined) for (const notice of differences(before, found, scope)) tell(notice);
      }
    } catch (cause) {
      if (signal.aborted) return;
      failedAtMs = edge.nowMs();
      // Fail static: what was read last stands until the cloud answers again.
      tell({
        type: 'doubt',
        why: `the cloud cannot be asked, what it said last stands: ${asFlanError(cause).message}`,
      });
    }
    arm();
  };

  const observe = async (scope: Scope, signal: AbortSignal): Promise<Observation> => {
    lastScope = scope;
    const isFresh = last !== undefined && edge.nowMs() < Math.max(last.atMs, failedAtMs) + Math.min(FRESH_MS, pollMs);
    if (following === undefined || !isFresh || last === undefined) {
      try {
        last = await look(scope, signal);
        arm();
      } catch (cause) {
        // As in `poll`, which tells of it.
        if (following === undefined || last === undefined || signal.aborted) throw cause;
        failedAtMs = edge.nowMs();
      }
    }
    return observationOf(last, scope);
  };

  /** Looks until what was written is to be seen. @throws {FlanError} E_CLOUD_LAG */
  const eventually = async (key: Key, isSeen: () => Promise<boolean>, signal: AbortSignal): Promise<void> => {
    const lagMs = following === undefined ? LAG_MS : LAG_IN_WATCH_MS;
    const endMs = edge.nowMs() + lagMs;
    for (let pauseMs = FIRST_PAUSE_MS; !(await isSeen()); pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      if (edge.nowMs() > endMs) throw unseen(key, lagMs);
      await edge.sleep(pauseMs * (0.5 + edge.random()), signal);
    }
  };

  /** What a step has read counts at once: what was known before it would ask for the same step again. */
  const learn = (key: Key, standing: readonly CloudEntry[]): void => {
    if (last === undefined) return;
    const others = last.entries.filter((entry) => cloudRouteKey(entry) !== key);
    last = { ...last, entries: [...others, ...standing] };
  };

  const settled = async ({ at, route }: Written, signal: AbortSignal): Promise<void> => {
    const key = cloudRouteKey(at);
    let standing: readonly CloudEntry[] = [];
    const isSeen = async (): Promise<boolean> => {
      standing = await standingAt(at, signal);
      return reads(standing, route);
    };
    await eventually(key, isSeen, signal);
    recent.set(key, { wanted: route, untilMs: edge.nowMs() + ECHO_MS });
    learn(key, standing);
  };

  const performRoute = async (step: Step, signal: AbortSignal): Promise<void> => {
    const subject = (step.action === 'delete' ? step.before : step.after) as CloudRoute;
    const { table, dst, target } = subject;
    const standing = await standingAt(subject, signal);
    learn(cloudRouteKey(subject), standing);
    const known = step.action === 'create' ? [] : (step.before as CloudRoute).target.split(', ');
    if (step.action === 'delete') {
      // Only what the plan has shown: a route that somebody has made since is not ours to remove.
      const self = init.self().target;
      // Nor is one that led nowhere and leads somewhere again: its node has come back.
      const isBack = ({ target, state }: CloudEntry): boolean =>
        subject.state === 'blackhole' && state === 'active' && target !== self;
      const gone = standing.filter(
        (entry) => entry.target !== undefined && known.includes(entry.target) && !isBack(entry),
      );
      if (gone.length > 0) await client.remove(gone, signal);
      if (gone.length === standing.length) await settled({ at: subject, route: undefined }, signal);
      else {
        const left = standing.filter((entry) => !gone.includes(entry));
        learn(cloudRouteKey(subject), left);
      }
      return;
    }
    if (reads(standing, subject)) return;
    const isNews = standing.some((entry) => !known.includes(targetName(entry)) && entry.target !== target);
    if (isNews) throw new FlanError('E_RACE', `${cloudRouteKey(subject)}: somebody has put another route there`);
    if (!isMakeable(subject)) throw unmakeable(subject);
    try {
      await client.put({ table, dst, target, standing }, signal);
    } catch (cause) {
      if (asFlanError(cause).code !== 'E_RACE') throw cause;
      // An answer may have been lost after the cloud had done as it was told.
      if (!reads(await standingAt(subject, signal), subject)) throw cause;
    }
    await settled({ at: subject, route: subject }, signal);
  };

  const performForwarding = async (step: Step, signal: AbortSignal): Promise<void> => {
    if (step.action === 'delete') return;
    const wanted = step.after as CloudForwarding;
    await client.setForwarding?.(wanted, signal);
    const isSeen = async (): Promise<boolean> => {
      await relocate(signal);
      if (last !== undefined) last = { ...last, facts };
      return facts.interfaces.some(({ id, forwards }) => id === wanted.interface && forwards === wanted.allowed);
    };
    await eventually(kinds.key(wanted), isSeen, signal);
  };

  return {
    name: 'cloud',
    kinds: ['cloud-route', 'cloud-forwarding'],
    facts: () => facts,
    observe,
    perform: async (steps, signal) => {
      const outcomes: Outcome[] = [];
      for (const step of steps) {
        if (signal.aborted) break;
        writes++;
        const { kind } = step.action === 'delete' ? step.before : step.after;
        try {
          await (kind === 'cloud-route' ? performRoute(step, signal) : performForwarding(step, signal));
          outcomes.push({ step, status: 'done' });
        } catch (cause) {
          if (signal.aborted) break;
          const error = asFlanError(cause);
          // Whatever became of it, what is known from before is not to be relied on.
          failedAtMs = Number.NEGATIVE_INFINITY;
          if (last !== undefined) last = { ...last, atMs: Number.NEGATIVE_INFINITY };
          outcomes.push({ step, status: error.code === 'E_RACE' ? 'raced' : 'failed', error });
        }
        writes++;
      }
      return outcomes;
    },
    follow: async (scope, tell, signal) => {
      following = { scope, tell, signal };
      signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
      arm();
    },
    close: () => clearTimeout(timer),
  };
}

const unseen = (key: Key, lagMs: number): FlanError =>
  new FlanError('E_CLOUD_LAG', `${key}: the cloud took the change, and does not show it ${lagMs / 1000} s later`, {
    retry: true,
    hint: 'Look at it in the console of the cloud: somebody else may be changing it back.',
  });

const unmakeable = (route: CloudRoute): FlanError =>
  new FlanError('E_CLOUD_REFUSED', `${cloudRouteKey(route)}: flan makes no route ${cloudRouteKind.describe(route)}`, {
    hint: 'Make it again by the means of the cloud, as the plan shows it.',
  });

interface Written {
  /** What was there, or is now: its table and destination. */
  readonly at: CloudRoute;
  /** Absent for a removal. */
  readonly route: CloudRoute | undefined;
}
