import type { Json, JsonObject } from '../../model/json.js';

/** Strings, signs, and what stands bare, of a text that `JSON.parse` takes. */
export const JSON_TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

export interface RepeatedMember {
  readonly name: string;
  /** Of the second of the two, in characters. */
  readonly offset: number;
}

/** Whether an object has two members of one name, of which `JSON.parse` kept the last in `value`. */
export const repeatsMember = (text: string, value: Json): boolean =>
  mayRepeat(text, value) && findRepeated(text) !== undefined;

/** The first member whose name stood in its object before. The text must be JSON. */
export function findRepeated(text: string): RepeatedMember | undefined {
  const open: Set<string>[] = [];
  let before = { token: '', offset: 0 };
  for (const { 0: token, index } of text.matchAll(JSON_TOKENS)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const name = JSON.parse(before.token) as string;
      const names = open.at(-1);
      if (names?.has(name)) return { name, offset: before.offset };
      names?.add(name);
    }
    before = { token, offset: index };
  }
  return undefined;
}

/**
 * False proves that there is none, at little cost: behind each name stand a quote and a colon, so without space between
 * them there are at least as many of these as members were written. Strings with a colon first only make them more.
 */
const mayRepeat = (text: string, value: Json): boolean =>
  text.split('":').length - 1 !== countMembers(value, DEEP) || /\s:/.test(text);

/** Levels that are counted. What is nested deeper could be nested deeper than the stack. */
const DEEP = 50;

/** Not a number when it is nested too deep. */
function countMembers(value: Json | undefined, levels: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (levels === 0) return Number.NaN;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) count += countMembers(item, levels - 1);
    return count;
  }
  const members = value as JsonObject;
  for (const name in members) {
    count++;
    const member = members[name];
    if (typeof member === 'object') count += countMembers(member, levels - 1);
  }
  return count;
}
