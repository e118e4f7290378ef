/** Strings, signs, and what stands bare, of a text that `JSON.parse` takes. */
export const JSON_TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

export interface RepeatedMember {
  readonly name: string;
  /** Of the second of the two, in characters. */
  readonly offset: number;
}

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
