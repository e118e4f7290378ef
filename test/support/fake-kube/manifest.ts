import { readdirSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { Fields } from './objects.js';
import type { Rule } from './rbac.js';

const FOLDER = new URL('../../../deploy/kubernetes/base/', import.meta.url);

/** The documents of deploy/kubernetes/base, as they would be applied. @throws {Error} for what is not valid YAML */
export function manifest(): readonly Fields[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
  return files.flatMap((name) =>
    parseAllDocuments(readFileSync(new URL(name, FOLDER), 'utf8')).map((document) => {
      if (document.errors[0]) throw new Error(`${name}: ${document.errors[0].message}`);
      return document.toJS() as Fields;
    }),
  );
}

/** The one document of a kind. */
export function documentOf(kind: string): Fields {
  const [found, ...more] = manifest().filter((document) => document.kind === kind);
  if (found === undefined || more.length > 0)
    throw new Error(`${found ? 'more than one' : 'no'} ${kind} in the manifest`);
  return found;
}

/** What the manifest lets flan do. */
export const manifestRules = (): readonly Rule[] => documentOf('ClusterRole').rules as readonly Rule[];
