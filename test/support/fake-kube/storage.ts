import { randomUUID } from 'node:crypto';
import type { KubeObject } from './objects.js';

export interface StoredEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly object: KubeObject;
}

export const keyOf = (object: Pick<KubeObject, 'metadata'>): string =>
  object.metadata.namespace ? `${object.metadata.namespace}/${object.metadata.name}` : object.metadata.name;

/** One collection with etcd's way of versions: one counter, a history that can be compacted, moments that can be re-read. */
export class Storage {
  readonly #objects = new Map<string, KubeObject>();
  readonly #moments = new Map<number, readonly KubeObject[]>();
  #history: StoredEvent[] = [];
  readonly #watchers = new Set<(event: StoredEvent) => void>();
  #version = 1000;
  #compacted = 0;

  get version(): number {
    return this.#version;
  }

  /** Watches and pages from before this are refused. */
  get compacted(): number {
    return this.#compacted;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  /** Creates or replaces; says nothing when nothing is new, as the real one. */
  put(object: KubeObject): KubeObject {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    const uid = before?.metadata.uid ?? object.metadata.uid ?? randomUUID();
    if (before && same(before, object)) return before;
    this.#version++;
    const { name, namespace, uid: _, resourceVersion: __, ...rest } = object.metadata;
    // In the order of the real server's encoder.
    const named = { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion: String(this.#version) };
    const stored: KubeObject = { ...object, metadata: { ...named, ...rest } };
    this.#objects.set(key, stored);
    this.#tell({ type: before ? 'MODIFIED' : 'ADDED', version: this.#version, object: stored });
    return stored;
  }

  delete(key: string): void {
    const before = this.#objects.get(key);
    if (!before) return;
    this.#version++;
    this.#objects.delete(key);
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.#version) } };
    this.#tell({ type: 'DELETED', version: this.#version, object });
  }

  /** All objects by key, as they are now; `at` keeps the moment for later pages. */
  all(): readonly KubeObject[] {
    return [...this.#objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  keepMoment(): number {
    if (!this.#moments.has(this.#version)) this.#moments.set(this.#version, this.all());
    return this.#version;
  }

  moment(version: number): readonly KubeObject[] | undefined {
    return this.#moments.get(version);
  }

  since(version: number): readonly StoredEvent[] {
    return this.#history.filter((event) => event.version > version);
  }

  watch(tell: (event: StoredEvent) => void): () => void {
    this.#watchers.add(tell);
    return () => this.#watchers.delete(tell);
  }

  /** Forgets all history up to now, with one more version after it: what was read before is too old. */
  compact(): void {
    this.#version++;
    this.#compacted = this.#version;
    this.#history = [];
    this.#moments.clear();
  }

  #tell(event: StoredEvent): void {
    this.#history.push(event);
    for (const tell of [...this.#watchers]) tell(event);
  }
}

function same(a: KubeObject, b: KubeObject): boolean {
  const content = ({ metadata: { resourceVersion: _, uid: __, ...metadata }, ...rest }: KubeObject) =>
    JSON.stringify([Object.entries(metadata).sort(([x], [y]) => (x < y ? -1 : 1)), rest.spec, rest.status]);
  return content(a) === content(b);
}
