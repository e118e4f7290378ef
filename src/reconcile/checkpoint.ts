import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FlanError } from '../errors.js';
import type { JsonObject } from '../model/json.js';
import { type Network, networksOf } from '../model/network.js';
import type { Image } from '../planner/inverse.js';
import type { Key, Ownership } from '../planner/kind.js';
import { writeFileAtomic } from '../sys/atomic-file.js';
import { flock } from '../sys/flock.js';
import { makeFolder } from '../sys/make-folder.js';
import { netnsIdentity } from '../sys/netns-cookie.js';
import { FORMAT_VERSION } from '../version.js';
import { type Journal, openJournal, readJournal } from './journal.js';

/**
 * `applying` and `pending` wait for somebody to confirm, if there is a deadline; `rolling-back` is under way, or was
 * when its process died; the others are final, but that any of them may be rolled back by hand.
 */
export type CheckpointState =
  | 'applying'
  | 'pending'
  | 'applied'
  | 'confirmed'
  | 'superseded'
  | 'rolling-back'
  | 'rolled-back'
  | 'not-rolled-back';

/** Who rolls back when time is over. */
export type TimerOwner =
  | { readonly by: 'process' | 'watch' | 'apply'; readonly pid: number }
  | { readonly by: 'systemd'; readonly unit: string };

/** What an apply wrote down before it changed anything. No secret is in it. */
export interface Checkpoint {
  readonly format_version: string;
  readonly kind: 'flan.checkpoint';
  /** Sorts by time. */
  readonly id: string;
  /** Which network namespace of which boot, and which networks: see `placeOf`. */
  readonly place: string;
  readonly node: string;
  readonly createdAtMs: number;
  readonly state: CheckpointState;
  /** How it came to its state, for people. */
  readonly why: string;
  /** When it is rolled back unless it was confirmed, in milliseconds since 1970. */
  readonly deadlineMs?: number;
  readonly owner?: TimerOwner;
  readonly ownership: Ownership;
  /** Without options that are secret. */
  readonly network: Network;
  /** The names of those. */
  readonly withheld?: readonly string[];
  /** Without those that are secret. */
  readonly settings: JsonObject;
}

export type NewCheckpoint = Omit<Checkpoint, 'format_version' | 'kind' | 'id' | 'createdAtMs' | 'state' | 'why'>;

/** Checkpoints that nobody waits for are kept to be rolled back by hand, so many of them. */
const KEPT = 20;
/** Another process holds a checkpoint only while it writes one small file. */
const BUSY_MS = 5_000;

const WAITING: readonly CheckpointState[] = ['applying', 'pending', 'rolling-back'];

/** Whether it is still to be confirmed, or its rollback to be finished. */
export const isWaiting = ({ state, deadlineMs }: Checkpoint): boolean =>
  state === 'rolling-back' || (deadlineMs !== undefined && WAITING.includes(state));

/** What a checkpoint is about. After a reboot, or for another namespace of the same name, it is another place. */
export const placeOf = ({
  netns,
  network,
}: {
  readonly netns?: string | undefined;
  readonly network: Network;
}): string => placeAt({ netns, networks: networksOf(network) });

/** The same where only the prefixes of the network are known. */
export const placeAt = (at: { readonly netns?: string | undefined; readonly networks: readonly string[] }): string =>
  `${netnsIdentity(at.netns)} ${at.networks.join(' ')}`;

/** Whether something of this place is about a network namespace, whatever its networks are. */
export const isIn = (netns: string | undefined): ((about: { readonly place: string }) => boolean) => {
  const start = `${netnsIdentity(netns)} `;
  return ({ place }) => place.startsWith(start);
};

/** The checkpoints of one runtime directory. Every change of state is one atomic write under a lock. */
export class Checkpoints {
  readonly #folder: string;

  constructor(readonly runtimeDir: string) {
    this.#folder = join(runtimeDir, 'checkpoints');
  }

  folderOf(id: string): string {
    return join(this.#folder, id);
  }

  /** @throws {FlanError} E_CHECKPOINT */
  create(input: NewCheckpoint, nowMs: number): Checkpoint {
    const time = new Date(nowMs).toISOString().replace(/[-:.Z]/g, '');
    const checkpoint: Checkpoint = {
      ...{ format_version: FORMAT_VERSION, kind: 'flan.checkpoint', id: `${time}-${randomBytes(2).toString('hex')}` },
      ...input,
      ...{ createdAtMs: nowMs, state: 'applying', why: 'apply is at work, or was when it died' },
    };
    try {
      makeFolder(this.folderOf(checkpoint.id), 0o700);
      this.#write(checkpoint);
    } catch (cause) {
      throw new FlanError('E_CHECKPOINT', 'no checkpoint can be written, so nothing is changed', {
        where: this.folderOf(checkpoint.id),
        hint: 'Make room in the runtime directory, or choose another with --runtime-dir.',
        cause,
      });
    }
    this.#forgetOld();
    return checkpoint;
  }

  /** The oldest first. What cannot be read is left out. */
  list(place?: string): readonly Checkpoint[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder).sort();
    } catch {
      return []; // there was no apply yet, or this user may not look
    }
    return names
      .flatMap((id) => this.#read(id) ?? [])
      .filter((checkpoint) => place === undefined || checkpoint.place === place);
  }

  /** @throws {FlanError} E_CHECKPOINT when there is none of this name */
  get(id: string): Checkpoint {
    const found = /^[\w-]+$/.test(id) ? this.#read(id) : undefined;
    if (found !== undefined) return found;
    throw new FlanError('E_CHECKPOINT', `there is no checkpoint '${id}'`, {
      where: this.#folder,
      hint: 'List them with `flan checkpoint ls`.',
    });
  }

  /** Those of a place that wait to be confirmed, or to be rolled back to the end. */
  waiting(place: string): readonly Checkpoint[] {
    return this.list(place).filter(isWaiting);
  }

  /**
   * Changes a checkpoint, if it is in one of these states. Of two who try at once one sees what the other has made of it.
   * @returns it as it is now; undefined when it is in another state @throws {FlanError} E_CHECKPOINT
   */
  async change(
    id: string,
    { from, to }: { readonly from: readonly CheckpointState[]; readonly to: Partial<Checkpoint> },
  ): Promise<Checkpoint | undefined> {
    const lock = await this.#lock(id);
    try {
      const now = this.get(id);
      if (!from.includes(now.state)) return undefined;
      const next = { ...now, ...to };
      this.#write(next);
      return next;
    } finally {
      lock.release();
    }
  }

  journal(id: string): Journal {
    return openJournal(join(this.folderOf(id), 'journal.ndjson'));
  }

  images(id: string): ReadonlyMap<Key, Image> {
    return readJournal(join(this.folderOf(id), 'journal.ndjson'));
  }

  async #lock(id: string) {
    const path = join(this.folderOf(id), 'lock');
    for (let waitedMs = 0; ; waitedMs += 20) {
      this.get(id);
      const lock = flock(path);
      if (lock !== undefined) return lock;
      if (waitedMs > BUSY_MS) {
        throw new FlanError('E_CHECKPOINT', `checkpoint ${id} is in use`, {
          where: path,
          hint: 'Try again.',
          retry: true,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #read(id: string): Checkpoint | undefined {
    try {
      const found = JSON.parse(readFileSync(join(this.folderOf(id), 'checkpoint.json'), 'utf8')) as Checkpoint;
      return found.kind === 'flan.checkpoint' && found.id === id ? found : undefined;
    } catch {
      return undefined;
    }
  }

  #write(checkpoint: Checkpoint): void {
    const path = join(this.folderOf(checkpoint.id), 'checkpoint.json');
    writeFileAtomic(path, `${JSON.stringify(checkpoint, undefined, 2)}\n`, 0o600);
  }

  #forgetOld(): void {
    const old = this.list().filter((checkpoint) => !isWaiting(checkpoint));
    for (const { id } of old.slice(0, Math.max(0, old.length - KEPT))) {
      rmSync(this.folderOf(id), { recursive: true, force: true });
    }
  }
}
