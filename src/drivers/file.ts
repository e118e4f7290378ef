import { dirname } from 'node:path';
import type { TextFile } from '../kinds/file.js';
import { type Step, subjectOf } from '../planner/step.js';
import { fileError } from '../sys/file-error.js';
import { makeFolder } from '../sys/make-folder.js';
import { removePlacedFile, writePlacedFile } from '../sys/placed-file.js';
import type { Driver, Observation, Outcome, Scope } from './driver.js';
import { type Follower, followFile } from './follow-file.js';
import { readTextFile, SUBNET_FILE_HINT } from './text-file.js';

function performStep(step: Step): Outcome {
  const { path } = subjectOf(step) as TextFile;
  try {
    if (step.action === 'delete') removePlacedFile(path);
    else {
      const { content, mode } = step.after as TextFile;
      makeFolder(dirname(path), 0o755);
      writePlacedFile(path, content, mode);
    }
    return { step, status: 'done' };
  } catch (cause) {
    return {
      step,
      status: 'failed',
      error: fileError({ verb: step.action === 'delete' ? 'remove' : 'write', path, cause, hint: SUBNET_FILE_HINT }),
    };
  }
}

/** Text files by path: subnet.env. A symbolic link that stands there is followed, and stays when the file goes. */
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
