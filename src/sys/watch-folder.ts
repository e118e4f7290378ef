import { type FSWatcher, watch } from 'node:fs';

export interface FolderWatch {
  readonly folder: string;
  /** Something happened to the entry of that name; null: to any. */
  readonly hear: (name: string | null) => void;
  /** Told once: it cannot be watched at the moment. Whatever happens until it can is told as null then. */
  readonly onBroken: (why: string) => void;
}

const AGAIN_MS = 1_000;

/**
 * Watches the entries of a folder until it is closed. A watch that ends by itself is taken up again as soon as that is
 * possible.
 * @throws {NodeJS.ErrnoException} when the folder cannot be watched now
 */
export function watchFolder({ folder, hear, onBroken }: FolderWatch): { close(): void } {
  let timer: NodeJS.Timeout | undefined;

  const start = (): FSWatcher => {
    const started = watch(folder, (_event, name) => hear(name));
    started.on('error', (cause) => {
      started.close();
      timer = setTimeout(again, AGAIN_MS).unref();
      onBroken(`cannot watch ${folder}: ${cause.message}`);
    });
    return started;
  };
  const again = (): void => {
    try {
      watcher = start();
    } catch {
      // It was told, and the folder may be made again, or inotify have room again.
      timer = setTimeout(again, AGAIN_MS).unref();
      return;
    }
    hear(null);
  };
  let watcher = start();

  return {
    close: () => {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
