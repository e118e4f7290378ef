import { asFlanError, FlanError } from '../../errors.js';
import { kinds } from '../../kinds/index.js';
import type { BatchResult, CommandSocket } from '../../netlink/command.js';
import { type NetlinkError, refusal } from '../../netlink/errors.js';
import type { Request } from '../../netlink/wire/request.js';
import type { Key, Resource } from '../../planner/kind.js';
import type { Step } from '../../planner/plan.js';
import { subjectOf } from '../../planner/step.js';
import type { Outcome } from '../driver.js';
import { ABSENT, devOf, type NetlinkCodec } from './codec.js';
import type { Links } from './links.js';
import type { RouteScopes } from './route-scopes.js';

export interface PerformInput {
  readonly steps: readonly Step[];
  readonly socket: CommandSocket;
  readonly links: Links;
  readonly scopes: RouteScopes;
  readonly codecOf: (kind: string) => NetlinkCodec;
  /** Reads resources as they are now; asked at most once, for what exists already. */
  readonly reread: () => ReadonlyMap<Key, Resource>;
  /** Whether a link is one that there should be. */
  readonly isDesiredLink: (name: string) => boolean;
}

interface Sent {
  readonly step: Step;
  /** Which of the step's requests it is, so that errors are judged by what was asked. */
  readonly verb: 'add' | 'replace' | 'delete';
  readonly request: Request;
}

interface Refused extends Sent {
  readonly refused: NetlinkError;
}

/** Sends the steps' requests in one go and sorts the kernel's answers back to them. */
export function perform(input: PerformInput): Outcome[] {
  const { steps, socket } = input;
  const outcomes = new Map<Step, Outcome>();
  const sent: Sent[] = [];
  for (const step of steps) {
    try {
      sent.push(...requestsOf(step, input));
    } catch (cause) {
      const error = asFlanError(cause);
      outcomes.set(step, error.code === 'E_LINK_MISSING' ? withoutLink(step, error, input) : failed(step, error));
    }
  }
  const results = socket.batch(sent.map(({ request }) => request));
  const existing: Refused[] = [];
  for (const [i, one] of sent.entries()) {
    const result = results[i];
    if (outcomes.has(one.step) || isDone(one, result)) continue;
    const gone = result !== 'unknown' && result?.code === 'ENODEV' ? vanished(one.step, input) : undefined;
    if (gone !== undefined) outcomes.set(one.step, gone);
    else if (result !== 'unknown' && result?.code === 'EEXIST' && one.verb === 'add')
      existing.push({ ...one, refused: result });
    else outcomes.set(one.step, failure(one, result));
  }
  if (existing.length > 0) settleExisting(existing, input, outcomes);
  return steps.map((step) => outcomes.get(step) ?? { step, status: 'done' });
}

function requestsOf(step: Step, { codecOf, links, scopes }: PerformInput): Sent[] {
  const ask = (verb: Sent['verb'], resource: Resource, before?: Resource): Sent[] => {
    const input = before === undefined ? { verb, resource, links, scopes } : { verb, resource, before, links, scopes };
    return codecOf(resource.kind)
      .requests(input)
      .map((request) => ({ step, verb, request }));
  };
  const breakThenMake = ({ before, after }: Extract<Step, { readonly before: Resource; readonly after: Resource }>) => [
    ...ask('delete', before),
    ...ask('add', after),
  ];
  switch (step.action) {
    case 'create':
      return ask('add', step.after);
    case 'update':
    case 'adopt':
      if (codecOf(step.after.kind).mustBreak?.(step.before, step.after)) return breakThenMake(step);
      return ask('replace', step.after, step.before);
    case 'replace':
      return breakThenMake(step);
    case 'delete':
      return ask('delete', step.before);
  }
}

const failed = (step: Step, error: FlanError): Outcome => ({ step, status: 'failed', error });

/** What stands on a link that is gone is gone with it; what should stand there does once the link is made again. */
function withoutLink(step: Step, error: FlanError, { isDesiredLink }: PerformInput): Outcome {
  if (step.action === 'delete') return { step, status: 'done' };
  const dev = devOf(step.after);
  return dev !== undefined && isDesiredLink(dev) ? { step, status: 'raced', error } : failed(step, error);
}

/**
 * The kernel announces the routes of a deleted link before the link. So where there is no such device the link is gone,
 * though nothing was heard of it yet: it is forgotten, and the step is raced.
 */
function vanished(step: Step, { links, isDesiredLink }: PerformInput): Outcome | undefined {
  const dev = devOf(subjectOf(step));
  if (dev === undefined || !isDesiredLink(dev)) return undefined;
  const index = links.byName(dev)?.index;
  if (index !== undefined) links.delete(index);
  return { step, status: 'raced', error: VANISHED };
}
const VANISHED = new FlanError('E_RACE', 'a link vanished with what is on it', { retry: true });

const isDone = ({ verb }: Sent, result: BatchResult): boolean =>
  result === undefined || (verb === 'delete' && result !== 'unknown' && ABSENT.has(result.code));

function failure({ step, request }: Sent, result: BatchResult): Outcome {
  if (result === undefined) return { step, status: 'done' };
  if (result !== 'unknown') return { step, status: 'failed', error: refusal(request, result as NetlinkError) };
  const error = new FlanError('E_RACE', `${step.key}: the kernel's answer was lost`, { retry: true });
  return { step, status: 'raced', error };
}

/** Somebody was faster. What they made is either just what we want, or for the planner to look at again. */
function settleExisting(existing: readonly Refused[], { reread }: PerformInput, outcomes: Map<Step, Outcome>): void {
  const now = reread();
  for (const { step, request, refused } of existing) {
    if (step.action === 'delete') continue;
    const found = now.get(step.key);
    // A device of another name has what only one may have: VNI and port, for example.
    if (found === undefined && step.after.kind === 'link') {
      outcomes.set(step, failed(step, refusal(request, refused)));
      continue;
    }
    if (found !== undefined && kinds.differing(found, step.after).length === 0) continue;
    const error = new FlanError('E_RACE', `${step.key}: something else was put there meanwhile`, { retry: true });
    outcomes.set(step, { step, status: 'raced', error });
  }
}
