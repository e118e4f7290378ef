import { FlanError } from '../../errors.js';
import { suggestion } from '../../model/did-you-mean.js';
import { isJsonObject, type Json } from '../../model/json.js';
import type { Lease } from '../../model/lease.js';
import { decodeLeaseFields, type Where } from './fields.js';
import { type ParsedYaml, positionOf, type YamlModule } from './yaml.js';

/** Where an entry stands in its file: the number of the document, and the way to it inside. */
export interface EntryPlace {
  readonly document: number;
  readonly path: readonly (string | number)[];
}

/** One lease of a file, or what is wrong with it. */
export interface FileEntry {
  /** For people, and stable while the file keeps its order: `leases/nodes.yaml#2`. */
  readonly id: string;
  readonly place: EntryPlace;
  readonly result: Lease | FlanError;
}

/** What a file holds. `empty` is told apart from an empty list: it is what a file looks like that is being written. */
export type FileContent =
  | { readonly type: 'entries'; readonly entries: readonly FileEntry[] }
  | { readonly type: 'empty' }
  | { readonly type: 'broken'; readonly error: FlanError };

export interface LeaseFile {
  /** Path as people see it. */
  readonly file: string;
  readonly text: string;
  /** Of a folder, or the one file with `network` and `leases`. */
  readonly form: 'folder' | 'file';
}

/** The one lease of a file of its own, as nearly all are. */
const WHOLE_FILE: EntryPlace = { document: 0, path: [] };

/** The quick way, for what flan itself writes. Undefined: not JSON, or a fault whose line only the YAML parser tells. */
export function parseJsonFile({ file, text, form }: LeaseFile): FileContent | undefined {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  if (form === 'folder' && isJsonObject(value)) {
    const entry = entryOf({ id: file, place: WHOLE_FILE, value, where: () => file });
    return isFault(entry) ? undefined : { type: 'entries', entries: [entry] };
  }
  const content = readDocuments({ file, form, documents: [{ value, where: () => file }] });
  const faulty = content.type === 'broken' || (content.type === 'entries' && content.entries.some(isFault));
  return faulty ? undefined : content;
}

/** The thorough way: YAML or JSON, with line and column in every error. */
export function parseYamlFile(yaml: YamlModule, { file, text, form }: LeaseFile): FileContent {
  const parsed = yaml.parseAllDocuments(text, { prettyErrors: false, logLevel: 'error' });
  const documents: Document[] = [];
  // Without any document at all the library returns an empty list that is marked so.
  for (const document of [...parsed] as ParsedYaml[]) {
    const problem = document.errors[0];
    if (problem) return broken(`${file}:${positionOf(text, problem.pos[0])}`, problem.message);
    const value = plain(document);
    if (value instanceof FlanError) return broken(file, value.message);
    documents.push({ value, where: (path) => yaml.where({ file, text, document, path }) });
  }
  return readDocuments({ file, form, documents });
}

export const isFault = (entry: FileEntry): boolean => entry.result instanceof FlanError;

interface Document {
  readonly value: Json;
  readonly where: (path: EntryPlace['path']) => string;
}

interface Documents {
  readonly file: string;
  readonly form: LeaseFile['form'];
  readonly documents: readonly Document[];
}

interface Item extends EntryPlace {
  readonly value: Json;
}

function readDocuments({ file, form, documents }: Documents): FileContent {
  const full = documents.flatMap(({ value }, document) => (value === null ? [] : [{ value, document }]));
  if (full.length === 0) return { type: 'empty' };
  let items: readonly Item[];
  if (form === 'folder') items = full.flatMap(({ value, document }) => itemsOf(value, { document, path: [] }));
  else {
    const root = full[0];
    if (full.length !== 1 || root === undefined || !isJsonObject(root.value)) {
      return broken(file, 'the file must be one mapping with network and leases');
    }
    for (const name of Object.keys(root.value)) {
      if (name === 'network' || name === 'leases') continue;
      const where = documents[root.document]?.where([name]) ?? file;
      return broken(where, `unknown member '${name}'${suggestion(name, ['network', 'leases'])}`);
    }
    const leases = root.value.leases ?? [];
    if (!Array.isArray(leases)) return broken(file, 'leases must be a list');
    items = itemsOf(leases, { document: root.document, path: ['leases'] });
  }
  const single = items.length === 1 && items[0]?.path.length === 0;
  const entries = items.map(({ value, document, path }, i): FileEntry => {
    const id = single ? file : `${file}#${i + 1}`;
    const where = documents[document]?.where;
    const at = (field?: string) => where?.(field === undefined ? path : [...path, field]) ?? file;
    return entryOf({ id, place: single && document === 0 ? WHOLE_FILE : { document, path }, value, where: at });
  });
  return { type: 'entries', entries };
}

const itemsOf = (value: Json, { document, path }: EntryPlace): readonly Item[] =>
  Array.isArray(value)
    ? value.map((item: Json, i) => ({ value: item, document, path: [...path, i] }))
    : [{ value, document, path }];

interface RawEntry extends Omit<FileEntry, 'result'> {
  readonly value: Json;
  readonly where: Where;
}

function entryOf({ id, place, value, where }: RawEntry): FileEntry {
  try {
    return { id, place, result: decodeLeaseFields({ value, where, origin: id }) };
  } catch (error) {
    if (error instanceof FlanError) return { id, place, result: error };
    throw error;
  }
}

/** Only what JSON can say; aliases that lead back to themselves or multiply without end are refused. */
function plain(document: ParsedYaml): Json | FlanError {
  try {
    return JSON.parse(JSON.stringify(document.toJS()) ?? 'null') as Json;
  } catch (cause) {
    return new FlanError('E_LEASE', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

export const broken = (where: string, what: string): FileContent => ({
  type: 'broken',
  error: new FlanError('E_LEASE', `cannot read ${where}: ${what}`, {
    where,
    hint: 'Correct the file; flan reads it again by itself.',
  }),
});
