import { overlayMtu } from '../backends/backend.js';
import { type Lease, leaseName } from '../model/lease.js';
import { type Key, type Kinds, type Resource, sameValue } from '../planner/kind.js';
import type { Desired, Wanted } from '../planner/plan.js';
import { trafficResources } from '../traffic/index.js';
import { subnetEnv } from '../traffic/subnet-env.js';
import type { Inputs } from './inputs.js';

const because =
  (reason: string) =>
  (resource: Resource): Wanted => ({ resource, because: reason });

/** What this node holds whoever its peers are: the backend's own devices, traffic rules, subnet.env. */
export function desiredLocally(inputs: Inputs): Wanted[] {
  const { backend, context, network, own, options } = inputs;
  const local = backend.local(context).map(because(`backend ${backend.type}`));
  if (own === undefined) return local;
  const env = subnetEnv({
    path: options.subnetFile,
    network,
    own,
    mtu: overlayMtu(backend, context),
    masquerade: options.masquerade,
  });
  const traffic = trafficResources({ ...options, network, own });
  return [...local, ...traffic.map(because('traffic of the own subnet')), because(`own lease ${own.key}`)(env)];
}

/** What one peer's lease adds. */
export function desiredForPeer({ backend, context }: Inputs, lease: Lease): Wanted[] {
  if (!speaks(backend.publishedType, lease)) return [];
  return backend.peer(context, lease).map(because(`lease of ${leaseName(lease)}`));
}

/** A peer that published another backend's type cannot be talked to; one that published none is taken at its word. */
export const speaks = (publishedType: string, lease: Lease): boolean =>
  lease.backendType === '' || lease.backendType === publishedType;

/** Two that ask for different things in one place. */
export interface Clash {
  readonly key: Key;
  readonly holder: string;
}

interface Claim extends Wanted {
  readonly owner: string;
}

/**
 * Everything desired, by key, and by whom: a lease's key or `local`. Where two ask for the same key the first keeps it,
 * and the second gets it when the first lets go.
 */
export class DesiredIndex {
  readonly #kinds: Kinds;
  readonly #wanted = new Map<Key, Claim>();
  readonly #waiting = new Map<Key, Claim[]>();
  readonly #keys = new Map<string, readonly Key[]>();

  constructor(kinds: Kinds) {
    this.#kinds = kinds;
  }

  get desired(): Desired {
    return this.#wanted;
  }

  /** Replaces all that `owner` asks for. @returns the keys whose desired state may have changed */
  set(owner: string, list: readonly Wanted[]): Set<Key> {
    const changed = this.delete(owner);
    this.add(owner, list, changed);
    return changed;
  }

  /** All that an owner asks for who asked for nothing yet. `changed` gets the keys whose desired state may have changed */
  add(owner: string, list: readonly Wanted[], changed?: Set<Key>): void {
    if (list.length === 0) return;
    const keys = list.map(({ resource, because }) => {
      const key = this.#kinds.key(resource);
      const claim: Claim = { resource, because, owner };
      if (this.#wanted.has(key)) {
        const queue = this.#waiting.get(key);
        if (queue === undefined) this.#waiting.set(key, [claim]);
        else queue.push(claim);
      } else {
        this.#wanted.set(key, claim);
        changed?.add(key);
      }
      return key;
    });
    this.#keys.set(owner, keys);
  }

  /** @returns the keys whose desired state may have changed */
  delete(owner: string): Set<Key> {
    const changed = new Set<Key>();
    for (const key of this.#keys.get(owner) ?? []) {
      const queue = this.#waiting.get(key);
      if (this.#wanted.get(key)?.owner !== owner) {
        const rest = (queue ?? []).filter((claim) => claim.owner !== owner);
        if (rest.length > 0) this.#waiting.set(key, rest);
        else this.#waiting.delete(key);
        continue;
      }
      changed.add(key);
      const next = queue?.shift();
      if (queue?.length === 0) this.#waiting.delete(key);
      if (next === undefined) this.#wanted.delete(key);
      else this.#wanted.set(key, next);
    }
    this.#keys.delete(owner);
    return changed;
  }

  /** The keys that `owner` asks for, whether it has them or waits for them. */
  keysOf(owner: string): readonly Key[] {
    return this.#keys.get(owner) ?? [];
  }

  /** Whether two ask for one key anywhere. */
  get isContested(): boolean {
    return this.#waiting.size > 0;
  }

  /** What `owner` asks for in vain: under each key stands something else that `holder` asked for first. */
  clashesOf(owner: string): readonly Clash[] {
    if (!this.isContested) return [];
    return this.keysOf(owner).flatMap((key) => {
      const held = this.#wanted.get(key);
      const claim = this.#waiting.get(key)?.find((one) => one.owner === owner);
      if (held === undefined || claim === undefined || sameValue(held.resource, claim.resource)) return [];
      return [{ key, holder: held.owner }];
    });
  }

  owners(): IterableIterator<string> {
    return this.#keys.keys();
  }
}
