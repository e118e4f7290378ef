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
import type { Key } from '../../planner/kind.js';
import { type Step, subjectOf } from '../../planner/step.js';
import type { CloudClient, CloudEdge } from './client.js';
import type { CloudEye } from './eye.js';
import { type CloudSelf, reads } from './look.js';
import type { CloudMemory } from './memory.js';

export interface CloudStepsInit {
  readonly client: Pick<CloudClient, 'put' | 'remove' | 'setForwarding'>;
  readonly edge: CloudEdge;
  readonly eye: CloudEye;
  readonly memory: CloudMemory;
  readonly self: () => CloudSelf;
  /** How long what was written may not be seen: clouds answer from copies that lag. */
  readonly lagMs: () => number;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4000;

interface Written {
  /** What was there, or is now: its table and destination. */
  readonly at: CloudRoute;
  /** Absent for a removal. */
  readonly route: CloudRoute | undefined;
}

/** Performs one step, and returns when it is to be seen in the cloud. @throws {FlanError} E_RACE, E_CLOUD_LAG, what the client throws */
export function cloudSteps(init: CloudStepsInit): (step: Step, signal: AbortSignal) => Promise<void> {
  const { client, edge, eye, memory, lagMs } = init;

  const performRoute = async (step: Step, signal: AbortSignal): Promise<void> => {
    const subject = subjectOf(step) as CloudRoute;
    const standing = await standingAt(subject, signal);
    const known = step.action === 'create' ? [] : (step.before as CloudRoute).target.split(', ');
    if (step.action === 'delete') return removeRoute({ subject, standing, known }, signal);
    const { table, dst, target } = subject;
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

  const removeRoute = async ({ subject, standing, known }: Removal, signal: AbortSignal): Promise<void> => {
    const self = init.self().target;
    // What led nowhere and leads somewhere again is not ours to remove: its node has come back.
    const isBack = ({ target, state }: CloudEntry): boolean =>
      subject.state === 'blackhole' && state === 'active' && target !== self;
    // Nor is a route that somebody has made since: only what the plan has shown is.
    const gone = standing.filter(
      (entry) => entry.target !== undefined && known.includes(entry.target) && !isBack(entry),
    );
    if (gone.length > 0) await client.remove(gone, signal);
    if (gone.length === standing.length) return settled({ at: subject, route: undefined }, signal);
    const left = standing.filter((entry) => !gone.includes(entry));
    memory.learn(cloudRouteKey(subject), left);
  };

  const performForwarding = async (step: Step, signal: AbortSignal): Promise<void> => {
    if (step.action === 'delete') return;
    const wanted = step.after as CloudForwarding;
    await client.setForwarding?.(wanted, signal);
    const isSeen = async (): Promise<boolean> => {
      await eye.locate(signal);
      const { facts, last } = memory;
      if (last !== undefined) memory.take({ ...last, facts });
      return facts.interfaces.some(({ id, forwards }) => id === wanted.interface && forwards === wanted.allowed);
    };
    await eventually(kinds.key(wanted), isSeen, signal);
  };

  const settled = async ({ at, route }: Written, signal: AbortSignal): Promise<void> => {
    const key = cloudRouteKey(at);
    await eventually(key, async () => reads(await standingAt(at, signal), route), signal);
    memory.wrote(key, route);
  };

  /** What stands at one destination now. */
  const standingAt = async (at: CloudRoute, signal: AbortSignal): Promise<readonly CloudEntry[]> => {
    const { table, dst } = at;
    const entries = await eye.routes({ tables: [table], networks: [dst] }, signal);
    const standing = entries.filter((entry) => entry.table === table && entry.dst === dst);
    memory.learn(cloudRouteKey(at), standing);
    return standing;
  };

  /** Looks until what was written is to be seen. @throws {FlanError} E_CLOUD_LAG */
  const eventually = async (key: Key, isSeen: () => Promise<boolean>, signal: AbortSignal): Promise<void> => {
    const patienceMs = lagMs();
    const endMs = edge.nowMs() + patienceMs;
    for (let pauseMs = FIRST_PAUSE_MS; !(await isSeen()); pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      if (edge.nowMs() > endMs) throw unseen(key, patienceMs);
      await edge.sleep(pauseMs * (0.5 + edge.random()), signal);
    }
  };

  return (step, signal) => {
    const { kind } = subjectOf(step);
    return kind === 'cloud-route' ? performRoute(step, signal) : performForwarding(step, signal);
  };
}

interface Removal {
  readonly subject: CloudRoute;
  readonly standing: readonly CloudEntry[];
  /** What the plan knew to stand there. */
  readonly known: readonly string[];
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
