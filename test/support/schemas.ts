import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { isJsonObject, type Json } from '../../src/model/json.js';
import { schemaOf } from '../../src/schemas/index.js';

const compiled = new Map<string, ValidateFunction>();

/**
 * What is wrong with a document by the schema of this name; empty when nothing is. Here, unlike for readers, members
 * that the schema does not name are wrong too: whatever is printed is documented.
 */
export function faultsOf(name: string, document: unknown): readonly string[] {
  const validate = compiled.get(name) ?? compile(name);
  compiled.set(name, validate);
  if (validate(document)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath || '/'} ${message} ${JSON.stringify(params)}`.slice(0, 300),
  );
}

export const ajv = (): Ajv2020 =>
  new Ajv2020({
    allErrors: true,
    strict: true,
    strictRequired: false,
    formats: {
      'date-time': (text: string) => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) && !Number.isNaN(Date.parse(text)),
    },
  });

function compile(name: string): ValidateFunction {
  const schema = schemaOf(name);
  if (schema === undefined) throw new Error(`there is no schema ${name}`);
  return ajv().compile(closed(schema) as object);
}

/** The same schema, for which nothing but what it names may be there. */
function closed(schema: Json | undefined): Json | undefined {
  if (Array.isArray(schema)) return schema.map((each) => closed(each) ?? null);
  if (!isJsonObject(schema)) return schema;
  const members = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const isObject = schema.type === 'object' && isJsonObject(schema.properties);
  return isObject && schema.additionalProperties === undefined ? { ...members, additionalProperties: false } : members;
}
