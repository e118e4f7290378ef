import type { Document, parseAllDocuments } from 'yaml';
import { isJsonObject, type JsonObject } from '../../model/json.js';

export type ParsedYaml = Document.Parsed;

interface Located {
  readonly file: string;
  readonly text: string;
  readonly document: Document;
  readonly path: readonly (string | number)[];
}

/** What flan uses of the `yaml` library, which is loaded only when a file is not plain JSON. */
export interface YamlModule {
  readonly parseAllDocuments: typeof parseAllDocuments;
  /** `file:line:column` of a member's name, or of an item. */
  where(located: Located): string;
}

let loaded: Promise<YamlModule> | undefined;

export function loadYaml(): Promise<YamlModule> {
  loaded ??= import('yaml').then(({ parseAllDocuments, isMap, isSeq, isNode, isScalar }): YamlModule => {
    const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);
    const where = ({ file, text, document, path }: Located): string => {
      let node: unknown = document.contents;
      let offset = startOf(node) ?? 0;
      for (const step of path) {
        let next: unknown;
        let start: number | undefined;
        if (isMap(node)) {
          const pair = node.items.find(({ key }) => (isScalar(key) ? key.value : key) === step);
          next = pair?.value;
          start = startOf(pair?.key);
        } else if (isSeq(node)) {
          next = node.items[Number(step)];
          start = startOf(next);
        }
        if (start === undefined) break;
        [node, offset] = [next, start];
      }
      return `${file}:${positionOf(text, offset)}`;
    };
    return { parseAllDocuments, where };
  });
  return loaded;
}

/** `line:column`, both from 1. */
export function positionOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  return `${before.split('\n').length}:${offset - before.lastIndexOf('\n')}`;
}

interface Edit {
  readonly text: string;
  readonly document: number;
  readonly path: readonly (string | number)[];
}

/** Sets the members of one lease and leaves everything else as it is written, comments too. */
export async function editYaml({
  text,
  document,
  path,
  fields,
}: Edit & { readonly fields: JsonObject }): Promise<string> {
  return editDocument({ text, document }, (doc) => {
    const old: unknown = doc.getIn(path) === undefined ? {} : valueAt(doc, path);
    const before = isJsonObject(old) ? old : {};
    for (const name of Object.keys(before)) if (!(name in fields)) doc.deleteIn([...path, name]);
    for (const [name, value] of Object.entries(fields)) {
      if (JSON.stringify(before[name]) === JSON.stringify(value)) continue;
      // A bare scalar goes into the node that is there, which keeps its quotes and the comment behind it.
      doc.setIn([...path, name], typeof value === 'object' ? doc.createNode(value) : value);
    }
  });
}

export const removeFromYaml = ({ text, document, path }: Edit): Promise<string> =>
  editDocument({ text, document }, (doc) => doc.deleteIn(path));

/** Adds to the list at `path`, which is made where it is missing. */
export const appendToYaml = ({
  text,
  document,
  path,
  fields,
}: Edit & { readonly fields: JsonObject }): Promise<string> =>
  editDocument({ text, document }, (doc) => {
    if (doc.getIn(path) === undefined || doc.getIn(path) === null) doc.setIn(path, doc.createNode([fields]));
    else doc.addIn(path, doc.createNode(fields));
  });

const valueAt = (doc: Document, path: Edit['path']): unknown => {
  let value: unknown = doc.toJS();
  for (const step of path) value = (value as Record<string | number, unknown> | undefined)?.[step];
  return value;
};

async function editDocument(
  { text, document }: Pick<Edit, 'text' | 'document'>,
  edit: (doc: Document) => void,
): Promise<string> {
  const { parseAllDocuments } = await loadYaml();
  const documents = [...parseAllDocuments(text, { logLevel: 'error' })] as Document[];
  const doc = documents[document];
  if (doc !== undefined) edit(doc);
  return documents.map((one) => one.toString({ lineWidth: 0 })).join('');
}
