import { eachMember, type Span, stringIn, valueIn } from './json-bytes.js';
import type { NodeRecord } from './node.js';

/**
 * Reads the few fields flan needs from the JSON text of one Node, skipping all others unparsed.
 * @throws {SyntaxError} when the text is not a Node's
 */
export function nodeFromBytes(bytes: Buffer, span: Span, annotationPrefix: string): NodeRecord {
  const text: Record<string, string> = { name: '', uid: '', resourceVersion: '', podCIDR: '' };
  const annotations: Record<string, string> = {};
  let podCIDRs: readonly string[] = [];
  const keep = (name: string, value: Span): void => {
    text[name] = stringIn(bytes, value);
  };
  let parts = 0;
  eachMember(bytes, span, (part, inside) => {
    // What follows, the status, is nine tenths of a Node.
    if (part === 'metadata' || part === 'spec') parts++;
    if (part === 'metadata') {
      eachMember(bytes, inside, (name, value) => {
        if (name === 'name' || name === 'uid' || name === 'resourceVersion') keep(name, value);
        else if (name === 'annotations') {
          eachMember(bytes, value, (annotation, content) => {
            if (annotation.startsWith(annotationPrefix)) annotations[annotation] = stringIn(bytes, content);
          });
        }
      });
    } else if (part === 'spec') {
      eachMember(bytes, inside, (name, value) => {
        if (name === 'podCIDR') keep(name, value);
        else if (name === 'podCIDRs') podCIDRs = stringsIn(bytes, value);
      });
    }
    return parts === 2 ? 'enough' : undefined;
  });
  const { name = '', uid = '', resourceVersion = '', podCIDR } = text;
  if (name === '') throw new SyntaxError('an item of the list has no metadata.name');
  return { name, uid, resourceVersion, annotations, podCIDRs: podCIDRs.length === 0 && podCIDR ? [podCIDR] : podCIDRs };
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
