import { asFlanError } from '../../errors.js';
import type { CloudFacts } from '../../model/cloud.js';
import type { Step } from '../../planner/plan.js';
import type { Driver, Observation, Outcome, Scope } from '../driver.js';
import type { CloudClient } from './client.js';
import { type CloudEyeInit, cloudEye } from './eye.js';
import { observationOf } from './look.js';
import { cloudMemory } from './memory.js';
import { cloudPoll } from './poll.js';
import { cloudSteps } from './steps.js';

export interface CloudDriver extends Driver {
  /** What the cloud said of this instance last. */
  facts(): CloudFacts;
}

export interface CloudDriverInit extends CloudEyeInit {
  readonly client: CloudClient;
  /** What the cloud said when the session was opened. */
  readonly facts: CloudFacts;
  /** Between two looks while following, varied by a quarter. */
  readonly pollMs: number;
}

/** Clouds answer from copies that lag: how long what was written may not be seen. */
const LAG_MS = 60_000;
/** The same for a daemon, which looks again by itself and has other things to do. */
const LAG_IN_WATCH_MS = 10_000;
/** While following, the cloud is not asked more often than this, whatever happens on the host. */
const FRESH_MS = 30_000;

/** Routes in the tables of a cloud: the same for all clouds, each of which has a client. */
export function cloudDriver(init: CloudDriverInit): CloudDriver {
  const { edge, pollMs } = init;
  const memory = cloudMemory(edge, init.facts);
  const eye = cloudEye(init, memory);
  const poll = cloudPoll({ edge, eye, memory, pollMs });
  const performStep = cloudSteps({ ...init, eye, memory, lagMs: () => (poll.isOn ? LAG_IN_WATCH_MS : LAG_MS) });

  const observe = async (scope: Scope, signal: AbortSignal): Promise<Observation> => {
    poll.aim(scope);
    const { last } = memory;
    if (poll.isOn && last !== undefined) {
      // A cloud may take a minute to say that it does not answer: nothing else on the host waits for that.
      if (!memory.isFresh(Math.min(FRESH_MS, pollMs))) poll.hurry();
      return observationOf(last, scope);
    }
    const found = await eye.look(scope, signal);
    memory.take(found);
    return observationOf(found, scope);
  };

  const perform = async (step: Step, signal: AbortSignal): Promise<Outcome | undefined> => {
    try {
      await performStep(step, signal);
      return { step, status: 'done' };
    } catch (cause) {
      if (signal.aborted) return undefined;
      const error = asFlanError(cause);
      // Whatever became of it, what is known from before is not to be relied on.
      memory.doubt();
      return { step, status: error.code === 'E_RACE' ? 'raced' : 'failed', error };
    }
  };

  return {
    name: 'cloud',
    kinds: ['cloud-route', 'cloud-forwarding'],
    facts: () => memory.facts,
    observe,
    perform: (steps, signal) =>
      memory.writing(async () => {
        const outcomes: Outcome[] = [];
        for (const step of steps) {
          const outcome = signal.aborted ? undefined : await perform(step, signal);
          if (outcome === undefined) break;
          outcomes.push(outcome);
        }
        return outcomes;
      }),
    follow: async (scope, tell, signal) => poll.start({ scope, tell, signal }),
    close: () => poll.stop(),
  };
}
