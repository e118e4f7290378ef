import { isDeepStrictEqual } from 'node:util';
import type { Document, DocumentOptions, Node, Pair, ParseOptions, Scalar, SchemaOptions, Tags } from 'yaml';
import { FlanError } from '../../errors.js';
import { formatJson } from './format-json.js';
import { isLease, rank } from './member-order.js';
import { findRepeated } from './repeated-member.js';
import { positionOf } from './yaml.js';

type Yaml = typeof import('yaml');

interface FileText {
  /** As people see it; its ending tells JSON from YAML. */
  readonly file: string;
  readonly text: string;
}

/**
 * A file of settings, network config or leases in the form that flan writes: two spaces, members of a lease in their
 * order. What it says stays the same, and so do the comments of YAML.
 * @throws {FlanError} E_FORMAT with file, line and column when it is neither, and when it cannot be kept the same
 */
export function formatFile(yaml: Yaml, { file, text }: FileText): string {
  try {
    return file.endsWith('.json') && isJson(text) ? inJson({ file, text }) : inYaml(yaml, { file, text });
  } catch (cause) {
    if (cause instanceof FlanError) throw cause;
    // The library finds some faults only when it writes: an alias of nothing, nesting deeper than the stack.
    throw wrong(file, cause instanceof Error ? cause.message : String(cause));
  }
}

/** What is nearly JSON goes to the YAML parser, which tells what is wrong, and where. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function inJson({ file, text }: FileText): string {
  const repeated = findRepeated(text);
  if (repeated === undefined) return formatJson(text);
  throw wrong(`${file}:${positionOf(text, repeated.offset)}`, `member '${repeated.name}' stands there twice`);
}

/** The library moves blank lines about comments, some of them at every writing: those stay as people put them. */
function inYaml(yaml: Yaml, { file, text }: FileText): string {
  let formatted = text;
  for (let times = 0; times < 4; times++) {
    const next = written(yaml, { file, text: formatted });
    if (next === formatted) return formatted;
    formatted = next;
  }
  return withoutBlankLines(text) === withoutBlankLines(formatted) ? text : formatted;
}

const withoutBlankLines = (text: string): string => text.replace(/^[ \t\r]*\n/gm, '');

function written(yaml: Yaml, { file, text }: FileText): string {
  const documents = parse(yaml, { file, text });
  // Nothing but comments: the library knows no document that they could belong to.
  if (documents.length === 0) return text;
  const before = said(yaml, { text, documents });
  for (const document of documents) sortLeases(yaml, document.contents);
  const joined = documents.map((document) => document.toString({ indent: 2, lineWidth: 0 })).join('');
  const formatted = joined.endsWith('\n') ? joined : `${joined}\n`;
  const after = said(yaml, { text: formatted, documents: parse(yaml, { file, text: formatted }) });
  if (isDeepStrictEqual(before, after)) return formatted;
  throw new FlanError('E_FORMAT', 'cannot be put in form without losing a part of it', {
    where: file,
    hint: 'Move its comments to lines of their own, above members; the file was left as it was.',
  });
}

type YamlOptions = ParseOptions & DocumentOptions & SchemaOptions;

/** @throws {FlanError} E_FORMAT */
function parse(yaml: Yaml, { file, text }: FileText): readonly Document.Parsed[] {
  const options: YamlOptions = { prettyErrors: false, logLevel: 'error', intAsBigInt: true, customTags: asWritten };
  const found = yaml.parseAllDocuments(text, options);
  const [problem] = 'empty' in found ? found.errors : found.flatMap(({ errors }) => errors);
  if (problem !== undefined) throw wrong(`${file}:${positionOf(text, problem.pos[0])}`, problem.message);
  return [...found] as readonly Document.Parsed[];
}

/** Numbers and times are written as they stood, and not as JavaScript would: digits beyond its own, `1e3`, `1_000`. */
const asWritten = (tags: Tags): Tags =>
  tags.map((tag) => {
    if (typeof tag === 'string' || tag.collection !== undefined || !/:(int|float|timestamp)$/.test(tag.tag)) return tag;
    const written = ({ type, source }: Scalar): string | undefined => (type === 'PLAIN' ? source : undefined);
    return {
      ...tag,
      stringify: (item, ...rest) => written(item) ?? tag.stringify?.(item, ...rest) ?? String(item.value),
    };
  });

/** All that a text says to programs and to people. */
function said(
  yaml: Yaml,
  { text, documents }: { readonly text: string; readonly documents: readonly Document[] },
): unknown {
  const comments: string[] = [];
  let before = '';
  for (const token of new yaml.Lexer().lex(text)) {
    if (token.startsWith('#') && before !== SCALAR) comments.push(token.trim());
    before = token;
  }
  return { values: documents.map((document) => document.toJS({ mapAsMap: true })), comments: comments.sort() };
}

/** What the lexer puts before the text of a scalar, which may begin with # too. */
const SCALAR = '\x1f';

const wrong = (where: string, what: string): FlanError =>
  new FlanError('E_FORMAT', `cannot be read: ${what}`, { where, hint: 'Correct it; the file was left as it is.' });

function sortLeases(yaml: Yaml, node: Node | null): void {
  if (yaml.isSeq(node)) {
    for (const item of node.items) sortLeases(yaml, item as Node);
    return;
  }
  if (!yaml.isMap(node)) return;
  const nameOf = ({ key }: Pair): unknown => (yaml.isScalar(key) ? key.value : key);
  if (isLease(node.items.map(nameOf))) {
    // What stands above the first member is about the lease, whichever member is first.
    const first = node.items[0]?.key;
    const above = yaml.isScalar(first) ? first.commentBefore : undefined;
    if (yaml.isScalar(first)) first.commentBefore = null;
    node.items.sort((a, b) => rank(nameOf(a)) - rank(nameOf(b)));
    const now = node.items[0]?.key;
    if (above && yaml.isScalar(now)) now.commentBefore = now.commentBefore ? `${above}\n${now.commentBefore}` : above;
    return;
  }
  const leases = node.items.find((pair) => nameOf(pair) === 'leases');
  if (leases !== undefined) sortLeases(yaml, leases.value as Node | null);
}
