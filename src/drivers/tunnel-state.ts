import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerCounts, Totals } from '../dataplane/counters.js';
import type { Address, Prefix } from '../model/ip.js';
import { writeFileAtomic } from '../sys/atomic-file.js';
import { makeFolder } from '../sys/make-folder.js';
import { netnsInode } from '../sys/netns.js';
import { markOf, type ProcessMark } from '../sys/process-mark.js';

/** What the process that carries a tunnel's packets tells all others of it, in a file of the runtime directory. */
export interface TunnelState {
  readonly process: ProcessMark;
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly port: number;
  readonly queues: number;
  /** Segmentation and checksums that the device leaves to us: `tcp+udp`, `tcp`, `none`. */
  readonly offload: string;
  readonly totals: Totals;
  readonly peers: readonly TunnelPeerState[];
}

export interface TunnelPeerState {
  readonly subnet: Prefix;
  readonly endpoint: Address;
  readonly port: number;
  readonly counts: PeerCounts;
}

export interface TunnelStateFile {
  write(state: TunnelState): void;
  /** @returns undefined when there is none, or the process that wrote it is gone */
  read(): TunnelState | undefined;
  remove(): void;
}

/** One file per network namespace and device. */
export function tunnelStateFile(input: {
  readonly runtimeDir: string;
  readonly netns: string | undefined;
  readonly name: string;
}): TunnelStateFile {
  const { runtimeDir, netns, name } = input;
  const ino = netnsInode(netns);
  const path = join(runtimeDir, `${ino}-tunnel-${name}.json`);
  return {
    write: (state) => {
      makeFolder(runtimeDir, 0o755);
      writeFileAtomic(path, `${JSON.stringify(state)}\n`, 0o644);
    },
    read: () => {
      const state = parse(path);
      return state !== undefined && markOf(state.process.pid)?.started === state.process.started ? state : undefined;
    },
    remove: () => rmSync(path, { force: true }),
  };
}

function parse(path: string): TunnelState | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as TunnelState;
  } catch {
    return undefined; // Nobody carries anything, or a version of ours that wrote it otherwise: not ours to judge.
  }
}
