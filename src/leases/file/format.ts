import type { Document, Node, Pair } from 'yaml';
import { FlanError } from '../../errors.js';
import { isJsonObject, type Json } from '../../model/json.js';
import { LEASE_FIELDS } from './fields.js';
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
 * @throws {FlanError} E_FORMAT with file, line and column when it is neither
 */
export function formatFile(yaml: Yaml, { file, text }: FileText): string {
  if (file.endsWith('.json')) {
    const value = tryJson(text);
    if (value !== undefined) return `${JSON.stringify(inOrder(value), undefined, 2)}\n`;
  }
  const documents = [...yaml.parseAllDocuments(text, { prettyErrors: false, logLevel: 'error' })] as Document.Parsed[];
  for (const { errors } of documents) {
    const [problem] = errors;
    if (problem === undefined) continue;
    throw new FlanError('E_FORMAT', `cannot be read: ${problem.message}`, {
      where: `${file}:${positionOf(text, problem.pos[0])}`,
      hint: 'Correct it; the file was left as it is.',
    });
  }
  for (const document of documents) sortLeases(yaml, document.contents);
  const formatted = documents.map((document) => document.toString({ indent: 2, lineWidth: 0 })).join('');
  return formatted.endsWith('\n') || formatted === '' ? formatted : `${formatted}\n`;
}

const isLease = (names: readonly unknown[]): boolean => names.includes('subnet') || names.includes('ipv6Subnet');

/** Known members first, in the order of `LEASE_FIELDS`; the others after them, as they stood. */
function rank(name: unknown): number {
  const at = (LEASE_FIELDS as readonly unknown[]).indexOf(name);
  return at < 0 ? LEASE_FIELDS.length : at;
}

function tryJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined; // the YAML parser tells what is wrong, and where
  }
}

function inOrder(value: Json): Json {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value);
  if (!isLease(entries.map(([name]) => name))) {
    return Object.fromEntries(
      entries.map(([name, member]) => [name, name === 'leases' && member !== undefined ? inOrder(member) : member]),
    );
  }
  return Object.fromEntries(entries.sort(([a], [b]) => rank(a) - rank(b)));
}

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
