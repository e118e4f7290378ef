import { asFlanError } from '../../errors.js';
import type { Notice, Scope } from '../driver.js';
import type { CloudEdge } from './client.js';
import type { CloudEye } from './eye.js';
import type { CloudMemory } from './memory.js';
import { differences } from './news.js';

export interface CloudPollInit {
  readonly edge: Pick<CloudEdge, 'random'>;
  readonly eye: Pick<CloudEye, 'look'>;
  readonly memory: CloudMemory;
  /** Between two looks, varied by a quarter. */
  readonly pollMs: number;
}

export interface PollStart {
  readonly scope: Scope;
  readonly tell: (notice: Notice) => void;
  readonly signal: AbortSignal;
}

/** Looks at a cloud beside everything else, and tells what is another than before: clouds send no events. */
export interface CloudPoll {
  readonly isOn: boolean;
  start(input: PollStart): void;
  /** What to look at from now on. */
  aim(scope: Scope): void;
  /** Looks now, unless it is looking. */
  hurry(): void;
  stop(): void;
}

/** When a step came in the way of a look. */
const AGAIN_MS = 1000;

export function cloudPoll({ edge, eye, memory, pollMs }: CloudPollInit): CloudPoll {
  const stopped = new AbortController();
  let following: PollStart | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;

  const intervalMs = (): number => pollMs * (0.75 + edge.random() / 2);
  const arm = (delayMs: number): void => {
    clearTimeout(timer);
    if (following === undefined || following.signal.aborted || isLooking) return;
    timer = setTimeout(() => void poll(), delayMs);
    timer.unref();
  };

  /** @returns after how long to look again */
  const look = async ({ scope, tell, signal }: PollStart): Promise<number> => {
    const [before, began] = [memory.last, memory.writes];
    // What nobody has seen yet nobody can be told news of.
    if (before === undefined) return intervalMs();
    if (memory.isWriting) return Math.min(AGAIN_MS, pollMs);
    try {
      const found = await eye.look(scope, signal);
      if (began !== memory.writes) return Math.min(AGAIN_MS, pollMs);
      memory.take(found);
      if (!signal.aborted) for (const notice of differences(before, found, scope)) tell(notice);
    } catch (cause) {
      if (signal.aborted) return intervalMs();
      memory.failed();
      // Fail static: what was read last stands until the cloud answers again.
      tell({
        type: 'doubt',
        why: `the cloud cannot be asked, what it said last stands: ${asFlanError(cause).message}`,
      });
    }
    return intervalMs();
  };

  const poll = async (): Promise<void> => {
    if (following === undefined || isLooking) return;
    clearTimeout(timer);
    isLooking = true;
    const againMs = await look(following);
    isLooking = false;
    arm(againMs);
  };

  return {
    get isOn() {
      return following !== undefined && !following.signal.aborted;
    },
    start: ({ scope, tell, signal }) => {
      const either = AbortSignal.any([signal, stopped.signal]);
      following = { scope, tell, signal: either };
      either.addEventListener('abort', () => clearTimeout(timer), { once: true });
      arm(intervalMs());
    },
    aim: (scope) => {
      if (following !== undefined) following = { ...following, scope };
    },
    hurry: () => void poll(),
    stop: () => stopped.abort(),
  };
}
