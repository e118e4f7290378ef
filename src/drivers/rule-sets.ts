import { asFlanError, FlanError } from '../errors.js';
import type { Family } from '../model/ip.js';
import { fieldOf, type Key, type Kind, type Resource, sameValue } from '../planner/kind.js';
import { type Step, subjectOf } from '../planner/step.js';
import { turns } from '../sys/turns.js';
import type { Driver, Notice, Observation, Outcome, Scope } from './driver.js';

/** What a family's packet filter holds of ours, and how to read, write and hear about it. */
export interface RuleSetTool<R extends Resource & { readonly family: Family }> {
  readonly name: string;
  readonly kind: Kind<R>;
  keyOf(family: Family): Key;
  /** Whether anything of ours can be there, told without running a program. */
  mayHold(family: Family): boolean;
  /** @throws {FlanError} E_TOOL_MISSING, E_UNSUPPORTED where the kernel lacks it, E_PERMISSION, … */
  read(family: Family, signal: AbortSignal): Promise<R | undefined>;
  /** In as few transactions as the tool can. Idempotent. @throws {FlanError} with `retry` when raced */
  write(changes: readonly RuleSetChange<R>[], signal: AbortSignal): Promise<void>;
  /** Calls back when something of ours may have changed, until `signal`. Resolves once subscribed. */
  listen(hearing: Hearing, signal: AbortSignal): Promise<void>;
}

export interface RuleSetChange<R> {
  readonly family: Family;
  /** Absent: remove what is ours. */
  readonly after: R | undefined;
}

export interface Hearing {
  readonly families: readonly Family[];
  /** Whether rules of ours are wanted at all. */
  readonly isWanted: () => boolean;
  /** `by` names the program that did it, where that is known. */
  readonly onChange: (by?: string) => void;
  /** Events were lost, or cannot be heard any more. */
  readonly onDoubt: (why: string) => void;
}

type News = Extract<Notice, { readonly type: 'seen' | 'gone' }>;

/** A burst of events (one per rule) is one change: look when it has been quiet for this long. */
const QUIET_MS = 10;

/**
 * A driver for rules that are compared and written as a whole. It tells only of states that differ from the one it last
 * read or wrote, so its own writes, and changes that come to nothing, stay unheard.
 */
export function ruleSetDriver<R extends Resource & { readonly family: Family }>(tool: RuleSetTool<R>): Driver {
  const known = new Map<Key, R | undefined>();
  const inTurn = turns();
  const closed = new AbortController();

  const read = async (family: Family, signal: AbortSignal): Promise<R | undefined> => {
    const resource = await tool.read(family, signal);
    known.set(tool.keyOf(family), resource);
    return resource;
  };

  const readIfPossible = async (family: Family, scope: Scope, signal: AbortSignal): Promise<R | undefined> => {
    const isWanted = scope.wants(tool.keyOf(family));
    // Most hosts use one of the tools: nothing need be run to see that the other has nothing of ours.
    if (!isWanted && !tool.mayHold(family)) {
      known.set(tool.keyOf(family), undefined);
      return undefined;
    }
    try {
      return await read(family, signal);
    } catch (cause) {
      if (!isWanted && isAbsence(cause)) return undefined;
      throw cause;
    }
  };

  const observe = async (scope: Scope, signal: AbortSignal): Promise<Observation> => {
    const seen = await Promise.all(scope.families.map((family) => readIfPossible(family, scope, signal)));
    return { resources: seen.filter((resource) => resource !== undefined), foreign: {} };
  };

  const changeOf = (step: Step): RuleSetChange<R> => ({
    family: (subjectOf(step) as R).family,
    after: step.action === 'delete' ? undefined : (step.after as R),
  });

  const perform = async (steps: readonly Step[], signal: AbortSignal): Promise<readonly Outcome[]> => {
    const [step, ...others] = steps;
    if (step === undefined) return [];
    try {
      await tool.write(steps.map(changeOf), signal);
      for (const each of steps) known.set(each.key, changeOf(each).after);
      return steps.map((each) => ({ step: each, status: 'done' }));
    } catch (cause) {
      signal.throwIfAborted();
      // One family's trouble must not keep the other from its rules.
      if (others.length > 0) return [...(await perform([step], signal)), ...(await perform(others, signal))];
      const error = asFlanError(cause);
      return [{ step, status: error.retry ? 'raced' : 'failed', error }];
    }
  };

  const isSame = (a: R | undefined, b: R | undefined): boolean =>
    a === undefined || b === undefined
      ? a === b
      : tool.kind.fields.every((field) => sameValue(fieldOf(a, field), fieldOf(b, field)));

  const look = async (family: Family, scope: Scope, signal: AbortSignal): Promise<News | undefined> => {
    const key = tool.keyOf(family);
    const isKnown = known.has(key);
    const before = known.get(key);
    const resource = await readIfPossible(family, scope, signal);
    if (isKnown && isSame(before, resource)) return undefined;
    return resource === undefined ? { type: 'gone', key } : { type: 'seen', key, resource };
  };

  const follow = async (scope: Scope, tell: (notice: Notice) => void, stop: AbortSignal): Promise<void> => {
    const signal = AbortSignal.any([stop, closed.signal]);
    const lookAtAll = async (by?: string): Promise<void> => {
      try {
        const news = await inTurn(() => Promise.all(scope.families.map((family) => look(family, scope, signal))));
        for (const notice of news.filter((each) => each !== undefined)) {
          tell(by === undefined ? notice : { ...notice, by });
        }
      } catch (cause) {
        if (!signal.aborted) tell({ type: 'doubt', why: asFlanError(cause).message });
      }
    };
    const soon = afterQuiet(lookAtAll, signal);
    const isWanted = () => scope.families.some((family) => scope.wants(tool.keyOf(family)));
    const onDoubt = (why: string) => tell({ type: 'doubt', why });
    try {
      await tool.listen({ families: scope.families, isWanted, onChange: soon, onDoubt }, signal);
    } catch (cause) {
      if (isWanted() || !isAbsence(cause)) throw cause;
    }
  };

  return {
    name: tool.name,
    kinds: [tool.kind.kind],
    observe: (scope, signal) => inTurn(() => observe(scope, signal)),
    perform: (steps, signal) => inTurn(() => perform(steps, signal)),
    follow,
    close: () => closed.abort(new FlanError('E_CLOSED', `the ${tool.name} driver is closed`)),
  };
}

/** A host without this packet filter holds nothing of ours in it: no reason to fail where the other one is used. */
const isAbsence = (cause: unknown): boolean => ABSENCES.has(asFlanError(cause).code);
const ABSENCES: ReadonlySet<string> = new Set(['E_TOOL_MISSING', 'E_UNSUPPORTED', 'E_NETLINK']);

/** Calls `action` when no call has come for a while, with the latest name, and never again before it is through. */
function afterQuiet(action: (by?: string) => Promise<void>, signal: AbortSignal): (by?: string) => void {
  let timer: NodeJS.Timeout | undefined;
  let latest: string | undefined;
  let busy: Promise<void> | undefined;
  let isDue = false;
  const act = (): void => {
    isDue = busy !== undefined;
    if (isDue) return;
    const name = latest;
    latest = undefined;
    busy = action(name).finally(() => {
      busy = undefined;
      if (isDue && !signal.aborted) act();
    });
  };
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  return (by) => {
    if (signal.aborted) return;
    latest = by ?? latest;
    clearTimeout(timer);
    timer = setTimeout(act, QUIET_MS);
  };
}
