import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../sys/atomic-file.js';
import { makeFolder } from '../../sys/make-folder.js';
import { netnsInode } from '../../sys/netns.js';
import type { ProcessMark } from '../../sys/process-mark.js';

/** What a later flan must know to clean up after this one, whatever backend it serves. */
export interface IpsecState {
  /** Where the charon listens that holds connections of ours. */
  readonly socket: string;
  /** The charon that flan started; absent for one of somebody else's. */
  readonly charon?: ProcessMark;
}

export interface IpsecStateFile {
  read(): IpsecState | undefined;
  write(state: IpsecState): void;
  remove(): void;
}

export interface IpsecStatePlace {
  readonly runtimeDir: string;
  readonly netns?: string | undefined;
}

/** One file per network namespace, there while something of ours is, or may be. */
export const ipsecStatePath = ({ runtimeDir, netns }: IpsecStatePlace): string =>
  join(runtimeDir, `${netnsInode(netns)}-ipsec.json`);

export function ipsecStateFile(place: IpsecStatePlace): IpsecStateFile {
  const path = ipsecStatePath(place);
  return {
    read: () => {
      try {
        return JSON.parse(readFileSync(path, 'utf8')) as IpsecState;
      } catch {
        return undefined; // Nothing was made, or by a version of ours that wrote it otherwise.
      }
    },
    write: (state) => {
      makeFolder(place.runtimeDir, 0o755);
      writeFileAtomic(path, `${JSON.stringify(state)}\n`, 0o600);
    },
    remove: () => rmSync(path, { force: true }),
  };
}
