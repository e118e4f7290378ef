import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { TextFile } from '../kinds/file.js';
import type { Step } from '../planner/plan.js';
import { writeFileAtomic } from '../sys/atomic-file.js';
import type { Driver, Observation, Outcome, Scope } from './driver.js';
import { type Follower, followFile } from './follow-file.js';
import { fileError, readTextFile } from './text-file.js';

export { readTextFile } from './text-file.js';

function performStep(step: Step): Outcome {
  const { path } = (step.action === 'delete' ? step.before : step.after) as TextFile;
  try {
    if (step.action === 'delete') rmSync(path, { force: true });
    else {
      const { content, mode } = step.after as TextFile;
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      writeFileAtomic(path, content, mode);
    }
    return { step, status: 'done' };
  } catch (cause) {
    return { step, status: 'failed', error: fileError('write', path, cause) };
  }
}

/** Text files by path: subnet.env. */
export function fileDriver(): Driver {
  const observe = (scope: Scope): Observation => ({
    resources: scope.named.flatMap((wanted) => readTextFile((wanted as TextFile).path) ?? []),
    foreign: {},
  });
  const followed = new Set<Follower>();
  return {
    name: 'file',
    kinds: ['file'],
    observe: async (scope) => observe(scope),
    perform: async (steps) => {
      const outcomes = steps.map(performStep);
      for (const follower of followed) follower.attach();
      return outcomes;
    },
    follow: async (scope, tell, signal) => {
      for (const { path } of scope.named as readonly TextFile[]) {
        const follower = followFile(path, tell);
        followed.add(follower);
        signal.addEventListener('abort', () => follower.close(), { once: true });
      }
    },
    close: () => {
      for (const follower of followed) follower.close();
      followed.clear();
    },
  };
}
