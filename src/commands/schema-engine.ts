import { FlanError } from '../errors.js';
import { didYouMean } from '../model/did-you-mean.js';
import { table } from '../report/table.js';
import { SCHEMA_NAMES, schemaOf, schemaTitle } from '../schemas/index.js';
import { FORMAT_VERSION } from '../version.js';

/** @throws {FlanError} E_USAGE for a document that there is not */
export function printedSchema(name: string): string {
  const schema = schemaOf(name.replace(/^flan\./, ''));
  if (schema !== undefined) return `${JSON.stringify(schema, undefined, 2)}\n`;
  const guess = didYouMean(name, SCHEMA_NAMES);
  throw new FlanError('E_USAGE', `there is no schema '${name}'`, {
    hint: `${guess === undefined ? '' : `Did you mean ${guess}? `}Run \`flan schema\` for the list.`,
  });
}

export const schemaList = () =>
  ({
    format_version: FORMAT_VERSION,
    kind: 'flan.schemas',
    schemas: SCHEMA_NAMES.map((name) => ({ name, id: String(schemaOf(name)?.$id), title: schemaTitle(name) })),
  }) as const;

export const listText = (): string => table(SCHEMA_NAMES.map((name) => [name, schemaTitle(name)]));
