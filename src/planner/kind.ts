declare const brand: unique symbol;

/** Identity of a resource, as people address it: `route/main/10.244.3.0/24`, `link/flannel.1`. */
export type Key = string & { readonly [brand]: 'Key' };

export const keyOf = (...parts: readonly (string | number)[]): Key => parts.join('/') as Key;

/** One thing that can exist. Every field of a resource is plain data. */
export interface Resource {
  readonly kind: string;
}

/** What a flan may call its own: the marks that its instance puts on what it makes. */
export interface Ownership {
  /** rtm_protocol and NDA_PROTOCOL of everything we program. */
  readonly protocol: number;
  /** The cluster networks of this instance, and those it served before: our routes lie inside them. */
  readonly networks: readonly string[];
}

/** What the planner must know of a type of resource. One file per kind in src/kinds. */
export interface Kind<R extends Resource = Resource> {
  readonly kind: R['kind'];
  /** Place in the order of creation; deletion goes the other way. The lease comes first, subnet.env last. */
  readonly rank: number;
  /**
   * A record such as subnet.env names the networks served. The next run recognises our routes by it, so it is written
   * last and deleted last.
   */
  readonly isRecord?: true;
  /** Drivers cannot list these: they read those whose names they are told. */
  readonly readByName?: true;
  /** As the kernel (or the file system, the cloud) tells two of them apart. */
  key(resource: R): Key;
  /** The fields that say what the resource is beyond its identity, in the order people read them. */
  readonly fields: readonly (keyof R & string)[];
  /** Those of `fields` that change without deleting the resource first; a change of any other is a replacement. */
  readonly inPlace: readonly (keyof R & string)[];
  /** Those of `fields` that are left as they are when the desired resource does not mention them. */
  readonly optional?: readonly (keyof R & string)[];
  /** What must exist before this one, and takes it along when it is deleted. */
  needs(resource: R): readonly Key[];
  /** Whether the resource carries our mark. Without it nothing is changed or deleted. */
  owns(resource: R, ownership: Ownership): boolean;
  /**
   * Whether it can only be desired once this node's own subnet is known. Until then such a resource is no leftover.
   * Absent: never.
   */
  followsFromOwnSubnet?(resource: R): boolean;
  /**
   * The resource that this one goes with when that is adopted: what somebody put on their device becomes ours with the
   * device, for want of a mark of its own. Undefined: ownership does not follow the device.
   */
  goesWith?(resource: R, ownership: Ownership): Key | undefined;
  /** The value of the resource in the words of ip(8) and its like, without the key. */
  describe(resource: R): string;
}

/** All kinds of one installation, by name. */
export class Kinds {
  readonly #byName: ReadonlyMap<string, Kind>;

  constructor(kinds: readonly Kind[]) {
    this.#byName = new Map(kinds.map((kind) => [kind.kind, kind]));
  }

  /** @throws {Error} for a resource of no known kind, which only a bug can make */
  of(resource: Resource): Kind {
    const kind = this.#byName.get(resource.kind);
    if (kind === undefined) throw new Error(`no kind '${resource.kind}'`);
    return kind;
  }

  /** Whether the next run recognises our routes by it; `false` for a kind that is not among these. */
  isRecord(resource: Resource): boolean {
    return this.#byName.get(resource.kind)?.isRecord === true;
  }

  key(resource: Resource): Key {
    return this.of(resource).key(resource);
  }

  /** The fields in which `before` is not what `after` asks for. */
  differing(before: Resource, after: Resource): string[] {
    const { fields, optional } = this.of(after);
    return fields.filter((field) => {
      const wanted = fieldOf(after, field);
      const found = fieldOf(before, field);
      return (
        found !== wanted && !(wanted === undefined && optional?.includes(field as never)) && !sameValue(found, wanted)
      );
    });
  }
}

/** A field of a resource, by name. */
export const fieldOf = (resource: Resource, field: string): unknown =>
  (resource as unknown as Record<string, unknown>)[field];

/** Equality of plain data; an absent member equals an undefined one. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return [...new Set([...Object.keys(x), ...Object.keys(y)])].every((name) => sameValue(x[name], y[name]));
}
