import { type FSWatcher, mkdirSync, readFileSync, rmSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { asFlanError, FlanError } from '../errors.js';
import { fileKey, type TextFile } from '../kinds/file.js';
import type { Step } from '../planner/plan.js';
import { writeFileAtomic } from '../sys/atomic-file.js';
import type { Driver, Observation, Outcome, Scope } from './driver.js';

/** Reads a file; undefined when there is none. @throws {FlanError} E_FILE */
export function readTextFile(path: string): TextFile | undefined {
  try {
    const mode = statSync(path).mode & 0o777;
    return { kind: 'file', path, content: readFileSync(path, 'utf8'), mode };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError('read', path, cause);
  }
}

function fileError(what: string, path: string, cause: unknown): FlanError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new FlanError(denied ? 'E_PERMISSION' : 'E_FILE', `cannot ${what} ${path}: ${code ?? message}`, {
    hint: denied ? 'Run as root, or choose another path with --subnet-file.' : undefined,
    cause,
  });
}

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
    return { step, status: 'failed', error: asFlanError(fileError('write', path, cause)) };
  }
}

/** Text files by path: subnet.env. */
export function fileDriver(): Driver {
  const observe = (scope: Scope): Observation => ({
    resources: scope.named.flatMap((wanted) => readTextFile((wanted as TextFile).path) ?? []),
    foreign: {},
  });
  const watchers = new Set<FSWatcher>();
  return {
    name: 'file',
    kinds: ['file'],
    observe: async (scope) => observe(scope),
    perform: async (steps) => steps.map(performStep),
    follow: async (scope, tell, signal) => {
      for (const { path } of scope.named as readonly TextFile[]) {
        mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
        // The directory, not the file: an atomic rewrite replaces the inode that a file watch would hang on.
        const watcher = watch(dirname(path), (_event, name) => {
          if (name !== null && name !== basename(path)) return;
          const key = fileKey(path);
          try {
            const resource = readTextFile(path);
            tell(resource ? { type: 'seen', key, resource } : { type: 'gone', key });
          } catch (cause) {
            tell({ type: 'doubt', why: asFlanError(cause).message });
          }
        });
        watcher.on('error', (cause) => tell({ type: 'doubt', why: `cannot watch ${path}: ${cause.message}` }));
        watchers.add(watcher);
        signal.addEventListener('abort', () => watcher.close(), { once: true });
      }
    },
    close: () => {
      for (const watcher of watchers) watcher.close();
      watchers.clear();
    },
  };
}
