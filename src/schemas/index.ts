import { isJsonObject, type Json } from '../model/json.js';
import type { Schema } from './build.js';
import { DEFINITIONS } from './common.js';
import { OTHER_SCHEMAS, PLAN_SCHEMAS, type Published } from './documents.js';
import { OPERATE_SCHEMAS } from './operate.js';

const ALL: Readonly<Record<string, Published>> = { ...PLAN_SCHEMAS, ...OTHER_SCHEMAS, ...OPERATE_SCHEMAS };

/** The names of all schemas: a document's `kind` without `flan.`, and those of lines of a stream. */
export const SCHEMA_NAMES: readonly string[] = Object.keys(ALL).sort();

/** What prints documents of a schema. */
export const schemaTitle = (name: string): string => ALL[name]?.title ?? '';

/** The published contract of one document, complete in itself; undefined for an unknown name. */
export function schemaOf(name: string): Schema | undefined {
  const published = ALL[name];
  if (published === undefined) return undefined;
  const { title, schema } = published;
  const used = new Set<string>();
  collect(schema, used);
  const definitions = Object.fromEntries(Object.entries(DEFINITIONS).filter(([key]) => used.has(key)));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:flan:schema:${name}:1`,
    title,
    ...schema,
    ...(used.size > 0 && { $defs: definitions }),
  };
}

/** The definitions that a schema needs, and those that they need. */
function collect(value: Json | undefined, used: Set<string>): void {
  if (Array.isArray(value)) for (const each of value) collect(each, used);
  if (!isJsonObject(value)) return;
  const name = typeof value.$ref === 'string' ? value.$ref.replace('#/$defs/', '') : undefined;
  if (name !== undefined && !used.has(name)) {
    used.add(name);
    collect(DEFINITIONS[name], used);
  }
  for (const member of Object.values(value)) collect(member, used);
}
