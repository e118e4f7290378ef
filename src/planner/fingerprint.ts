import { createHash } from 'node:crypto';
import { fieldOf, type Kinds, type Resource } from './kind.js';

/** What stands for an object that is not there. */
export const ABSENT = 'absent';

/** A hash of what a resource is: its key and the fields that plans compare. Equal resources have equal ones. */
export function fingerprint(resource: Resource | undefined, kinds: Kinds): string {
  if (resource === undefined) return ABSENT;
  const { fields } = kinds.of(resource);
  const value = Object.fromEntries(fields.map((field) => [field, fieldOf(resource, field)]));
  return digestOf({ key: kinds.key(resource), ...value });
}

/** SHA-256 over canonical JSON, in hex. */
export const digestOf = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

/**
 * Plain data as JSON that is the same text whoever writes it: members sorted by name, no spaces, what is undefined left
 * out. For strings, whole numbers and what is made of them this is RFC 8785.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  // By UTF-16 code units, as `<` compares.
  members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}
