import { readFileSync, rmSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Json, JsonObject } from '../../model/json.js';
import type { Lease } from '../../model/lease.js';
import { writePlacedFile } from '../../sys/placed-file.js';
import type { HeldEntry } from './book.js';
import { encodeLeaseFields } from './fields.js';
import type { Form } from './folder.js';
import { writeFailure } from './write-failure.js';
import { appendToYaml, editYaml, removeFromYaml } from './yaml.js';

interface Writing {
  /** The store's path, and what it is. */
  readonly path: string;
  readonly form: Form;
  readonly lease: Lease;
  /** The entry that the lease takes the place of. */
  readonly held: HeldEntry | undefined;
}

/** Writes a lease where it stands, or else into a file of its own (in the one-file form: at the end of the list). */
export async function writeLease({ path, form, lease, held }: Writing): Promise<void> {
  const fields = encodeLeaseFields(lease) as JsonObject;
  if (held !== undefined) await rewrite(held, fields);
  else if (form === 'folder') save(join(path, `${lease.key}.json`), json(fields as Json));
  else await append(path, fields);
}

/** Takes a lease out of its file; a file that held nothing else goes with it. */
export async function removeLease({ file, place }: HeldEntry): Promise<void> {
  if (place.path.length === 0 && place.document === 0) {
    attempt(file, () => rmSync(file, { force: true }));
    return;
  }
  const text = readFileSync(file, 'utf8');
  const root = tryJson(file, text);
  if (root === undefined) {
    save(file, await removeFromYaml({ text, ...place }));
    return;
  }
  const list = follow(root, place.path.slice(0, -1));
  if (Array.isArray(list)) list.splice(Number(place.path.at(-1)), 1);
  save(file, json(root));
}

async function rewrite({ file, place }: HeldEntry, fields: JsonObject): Promise<void> {
  const text = readFileSync(file, 'utf8');
  const root = tryJson(file, text);
  if (root === undefined) save(file, await editYaml({ text, ...place, fields }));
  else if (place.path.length === 0) save(file, json(fields as Json));
  else {
    const list = follow(root, place.path.slice(0, -1));
    if (Array.isArray(list)) list[Number(place.path.at(-1))] = fields;
    save(file, json(root));
  }
}

async function append(file: string, fields: JsonObject): Promise<void> {
  const text = readFileSync(file, 'utf8');
  const root = tryJson(file, text);
  if (root === undefined) {
    save(file, await appendToYaml({ text, document: 0, path: ['leases'], fields }));
    return;
  }
  const { leases } = root as { leases?: Json[] };
  save(file, json({ ...(root as JsonObject), leases: [...(leases ?? []), fields] }));
}

const json = (value: Json): string => `${JSON.stringify(value, undefined, 2)}\n`;

function tryJson(file: string, text: string): Json | undefined {
  if (extname(file) !== '.json') return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined; // YAML is allowed in a .json file, as everywhere
  }
}

const follow = (root: Json, path: HeldEntry['place']['path']): unknown => {
  let value: unknown = root;
  for (const step of path) value = (value as Record<string | number, unknown> | undefined)?.[step];
  return value;
};

function save(file: string, text: string): void {
  attempt(file, () => {
    const stats = statSync(file, { throwIfNoEntry: false });
    writePlacedFile(file, text, stats ? stats.mode & 0o777 : 0o644);
  });
}

function attempt(file: string, effect: () => void): void {
  try {
    effect();
  } catch (cause) {
    throw writeFailure(file, cause);
  }
}
