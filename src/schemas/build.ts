import type { JsonObject } from '../model/json.js';

/** A JSON Schema, draft 2020-12. @see https://json-schema.org/draft/2020-12 */
export type Schema = JsonObject;

export const text: Schema = { type: 'string' };
export const flag: Schema = { type: 'boolean' };
export const integer: Schema = { type: 'integer' };
export const number: Schema = { type: 'number' };
export const anything: Schema = {};
/** Milliseconds since 1970. */
export const timestampMs: Schema = { type: 'number', description: 'milliseconds since 1970-01-01T00:00:00Z' };

export const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });
export const list = (items: Schema): Schema => ({ type: 'array', items });
/** A mapping of any names to values of one type. */
export const map = (values: Schema): Schema => ({ type: 'object', additionalProperties: values });
export const either = (...options: readonly Schema[]): Schema => ({ anyOf: options });
export const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
export const about = (description: string, schema: Schema): Schema => ({ ...schema, description });

/**
 * An object. A `?` after a name makes the member one that may be missing. Others may be there: a later minor version of
 * the format may add some, and readers pass over what they do not know.
 */
export function object(members: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(members);
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(members).map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    required: names.filter((name) => !name.endsWith('?')),
  };
}

/** An object whose members follow from something else, and are not listed. */
export const open = (members: Readonly<Record<string, Schema>>): Schema => ({
  ...object(members),
  additionalProperties: true,
});

/** The members that every document starts with, and those of this one. */
export const document = (kind: string, members: Readonly<Record<string, Schema>>): Schema =>
  object({ format_version: ref('format_version'), kind: { const: `flan.${kind}` }, ...members });
