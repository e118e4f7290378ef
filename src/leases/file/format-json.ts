import { isLease, rank } from './member-order.js';
import { JSON_TOKENS } from './repeated-member.js';

/** The text of a JSON document in the form that flan writes. Numbers stay as they are written. The text must be JSON. */
export function formatJson(text: string): string {
  return `${print(inOrder(parse(text)), '')}\n`;
}

interface Member {
  readonly name: string;
  readonly value: Written;
}

/** A value as it is written: `JSON.parse` would round long numbers and move names that are numbers to the front. */
type Written =
  | { readonly type: 'scalar'; readonly token: string }
  | { readonly type: 'list'; readonly items: readonly Written[] }
  | { readonly type: 'object'; readonly members: readonly Member[] };

function parse(text: string): Written {
  const tokens = text.match(JSON_TOKENS) ?? [];
  let at = 0;
  const value = (): Written => {
    const token = tokens[at++] ?? '';
    if (token === '[') return { type: 'list', items: until(']', value) };
    if (token === '{') return { type: 'object', members: until('}', member) };
    return { type: 'scalar', token };
  };
  const member = (): Member => {
    const name = JSON.parse(tokens[at] ?? '') as string;
    at += 2; // the name and its colon
    return { name, value: value() };
  };
  const until = <T>(end: string, read: () => T): readonly T[] => {
    const found: T[] = [];
    while (tokens[at] !== end) {
      found.push(read());
      if (tokens[at] === ',') at++;
    }
    at++;
    return found;
  };
  return value();
}

function inOrder(value: Written): Written {
  if (value.type === 'scalar') return value;
  if (value.type === 'list') return { type: 'list', items: value.items.map(inOrder) };
  const { members } = value;
  if (isLease(members.map(({ name }) => name))) {
    return { type: 'object', members: members.toSorted((a, b) => rank(a.name) - rank(b.name)) };
  }
  return {
    type: 'object',
    members: members.map((member) => (member.name === 'leases' ? { ...member, value: inOrder(member.value) } : member)),
  };
}

function print(value: Written, indent: string): string {
  if (value.type === 'scalar') return value.token.startsWith('"') ? quoted(JSON.parse(value.token)) : value.token;
  const inside = `${indent}  `;
  const [start, end, lines] =
    value.type === 'list'
      ? ['[', ']', value.items.map((item) => print(item, inside))]
      : ['{', '}', value.members.map(({ name, value: member }) => `${quoted(name)}: ${print(member, inside)}`)];
  return lines.length === 0 ? `${start}${end}` : `${start}\n${inside}${lines.join(`,\n${inside}`)}\n${indent}${end}`;
}

const quoted = (text: string): string => JSON.stringify(text);
