import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { FlanError } from '../../errors.js';

export interface Nudges {
  /** A name in the folder (in the one-file form: the file) changed. */
  onName(name: string): void;
  /** Something happened that no name tells: look at everything. */
  onDoubt(): void;
}

export interface Attachment {
  /** Watches what is there now; to be called again whenever everything is looked at. @throws {FlanError} E_WATCH */
  attach(): void;
  close(): void;
}

/**
 * Listens to a folder and to the place that it stands in, so that it may be removed, made again or replaced by a link.
 * Only the nearest directory that exists above it is listened to: renaming one further up goes unnoticed.
 */
export function attachment(path: string, { onName, onDoubt }: Nudges): Attachment {
  const full = resolve(path);
  const own = basename(full);
  const watchers = new Map<'inside' | 'above', { readonly id: string; readonly watcher: FSWatcher }>();

  const detach = (role: 'inside' | 'above'): void => {
    watchers.get(role)?.watcher.close();
    watchers.delete(role);
  };
  const hold = (role: 'inside' | 'above', place: Place | undefined, hear: (name: string | null) => void): void => {
    const id = place?.id;
    if (watchers.get(role)?.id === id) return;
    detach(role);
    if (place === undefined) return;
    const watcher = open(place.path, hear);
    watcher.on('error', () => {
      detach(role);
      onDoubt();
    });
    watchers.set(role, { id: place.id, watcher });
  };
  const inside = (name: string | null): void => {
    // A folder that is removed or moved is told under its own name; `..data` is how Kubernetes swaps mounted files.
    if (name === own) detach('inside'); // it may be made anew with the same inode, and this watch died with the old one
    if (name === null || name === own || name.startsWith('..')) onDoubt();
    else onName(name);
  };

  return {
    attach() {
      const above = nearest(dirname(full));
      const wanted = above === undefined || above.path === dirname(full) ? own : undefined;
      hold('above', above, (name) => {
        const itself = above !== undefined && name === basename(above.path);
        if (itself) detach('above');
        if (name === null || wanted === undefined || itself) onDoubt();
        else if (name === wanted) watchers.has('inside') ? onDoubt() : onName(name);
      });
      const target = placeOf(full);
      hold('inside', target?.isFolder ? target : undefined, inside);
    },
    close() {
      detach('inside');
      detach('above');
    },
  };
}

interface Place {
  readonly path: string;
  readonly id: string;
  readonly isFolder: boolean;
}

function placeOf(path: string): Place | undefined {
  try {
    const stats = statSync(path);
    return { path, id: `${path}:${stats.dev}:${stats.ino}:${stats.birthtimeMs}`, isFolder: stats.isDirectory() };
  } catch {
    return undefined;
  }
}

function nearest(path: string): Place | undefined {
  const place = placeOf(path);
  if (place?.isFolder) return place;
  return path === dirname(path) ? undefined : nearest(dirname(path));
}

function open(path: string, hear: (name: string | null) => void): FSWatcher {
  try {
    return watch(path, (_, name) => hear(name));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new FlanError('E_WATCH', `cannot watch ${path}: ${code}`, {
      hint:
        code === 'ENOSPC' || code === 'EMFILE'
          ? 'Raise fs.inotify.max_user_watches or fs.inotify.max_user_instances with sysctl(8).'
          : 'Check who may read the folder.',
      retry: true,
      where: path,
      cause,
    });
  }
}
