import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { WatchStatus } from '../report/watch-status.js';
import { makeFolder } from '../sys/make-folder.js';
import { netnsInode } from '../sys/netns.js';
import { markOf } from '../sys/process-mark.js';

export interface StatusPlace {
  readonly runtimeDir: string;
  readonly netns?: string | undefined;
}

/** Where a running `watch` tells how it does: one file per process, so that two never write one. */
export interface StatusFile {
  write(status: WatchStatus): void;
  /** Nothing is new, but the process is there. */
  touch(nowMs: number): 'touched' | 'gone';
  remove(): void;
}

/** What a `watch` told, and when it showed life the last time, in milliseconds since 1970. */
export interface FoundStatus {
  readonly status: WatchStatus;
  readonly aliveMs: number;
}

export function statusFile(place: StatusPlace): StatusFile {
  const path = join(place.runtimeDir, `${start(place)}${process.pid}${END}`);
  return {
    write(status) {
      makeFolder(place.runtimeDir, 0o755);
      // In one step, but not flushed to a disk: after a power cut nobody is there whose state it could be.
      const temporary = `${path}.new`;
      writeFileSync(temporary, `${JSON.stringify(status)}\n`);
      // Whatever the umask is: everybody may ask how the node does.
      chmodSync(temporary, 0o644);
      renameSync(temporary, path);
    },
    touch(nowMs) {
      if (!existsSync(path)) return 'gone';
      utimesSync(path, nowMs / 1000, nowMs / 1000);
      return 'touched';
    },
    remove() {
      rmSync(path, { force: true });
    },
  };
}

/** Those of processes that are still there, in this namespace. */
export function readStatusFiles(place: StatusPlace): readonly FoundStatus[] {
  return pathsOf(place).flatMap((path) => {
    try {
      const status = JSON.parse(readFileSync(path, 'utf8')) as WatchStatus;
      const { pid, started } = status.process;
      return isAlive({ pid, started }) ? [{ status, aliveMs: statSync(path).mtimeMs }] : [];
    } catch {
      return []; // gone meanwhile, or of another version
    }
  });
}

/** Removes what processes that were killed left. */
export function sweepStatusFiles(place: StatusPlace): void {
  for (const path of pathsOf(place)) {
    const pid = Number(path.slice(path.lastIndexOf('-') + 1, -END.length));
    if (markOf(pid) === undefined) rmSync(path, { force: true });
  }
}

const END = '.status.json';

function start({ netns }: StatusPlace): string {
  const ino = netnsInode(netns);
  return `${ino}-watch-`;
}

function pathsOf(place: StatusPlace): readonly string[] {
  try {
    const prefix = start(place);
    const names = readdirSync(place.runtimeDir).filter((name) => name.startsWith(prefix) && name.endsWith(END));
    return names.map((name) => join(place.runtimeDir, name));
  } catch {
    return []; // no such directory or namespace: nobody runs there
  }
}

const isAlive = ({ pid, started }: { readonly pid: number; readonly started: string }): boolean =>
  markOf(pid)?.started === started;
