import { eachMember, type Span, stringIn, valueIn } from './json-bytes.js';
import type { NodeRecord } from './node.js';

/**
 * Reads the few fields flan needs from the JSON text of one Node, skipping all others unparsed. In the order in which
 * API servers write them the largest (managedFields, status) come last and are not even looked at.
 * @throws {SyntaxError} when the text is not a Node's
 */
export function nodeFromBytes(bytes: Buffer, span: Span, annotationPrefix: string): NodeRecord {
  let metadata: Metadata | undefined;
  let podCIDRs: readonly string[] | undefined;
  eachMember(bytes, span, (part, inside) => {
    if (part === 'metadata') metadata = metadataIn(bytes, inside, annotationPrefix);
    else if (part === 'spec') podCIDRs = podCIDRsIn(bytes, inside);
    return metadata && podCIDRs ? 'enough' : undefined;
  });
  if (!metadata?.name) throw new SyntaxError('an item of the list has no metadata.name');
  return { ...metadata, podCIDRs: podCIDRs ?? [] };
}

type Metadata = Omit<NodeRecord, 'podCIDRs'>;

function metadataIn(bytes: Buffer, span: Span, annotationPrefix: string): Metadata {
  let name = '';
  let uid = '';
  let resourceVersion = '';
  const annotations: Record<string, string> = {};
  let left = 4;
  eachMember(bytes, span, (member, value) => {
    if (member === 'name') name = stringIn(bytes, value);
    else if (member === 'uid') uid = stringIn(bytes, value);
    else if (member === 'resourceVersion') resourceVersion = stringIn(bytes, value);
    else if (member === 'annotations') {
      eachMember(bytes, value, (annotation, content) => {
        if (annotation.startsWith(annotationPrefix)) annotations[annotation] = stringIn(bytes, content);
      });
    } else return undefined;
    return --left === 0 ? 'enough' : undefined;
  });
  return { name, uid, resourceVersion, annotations };
}

function podCIDRsIn(bytes: Buffer, span: Span): readonly string[] {
  let one = '';
  let several: readonly string[] = [];
  eachMember(bytes, span, (member, value) => {
    if (member === 'podCIDR') one = stringIn(bytes, value);
    else if (member === 'podCIDRs') several = stringsIn(bytes, value);
  });
  return several.length === 0 && one ? [one] : several;
}

function stringsIn(bytes: Buffer, span: Span): readonly string[] {
  const value = valueIn(bytes, span) ?? [];
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
    throw new SyntaxError(`not a list of strings at byte ${span.from}`);
  }
  return value as readonly string[];
}

/** One event of a watch: `{"type":"ADDED","object":{…}}`. The object stays unread. */
export interface WatchLine {
  readonly type: string;
  readonly object: Span;
}

/** @throws {SyntaxError} */
export function watchLine(bytes: Buffer): WatchLine {
  let type: string | undefined;
  let object: Span | undefined;
  eachMember(bytes, { from: 0, to: bytes.length }, (name, value) => {
    if (name === 'type') type = stringIn(bytes, value);
    else if (name === 'object') object = value;
  });
  if (type === undefined || object === undefined) throw new SyntaxError('not a watch event');
  return { type, object };
}
