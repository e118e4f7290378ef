/** A piece of a word: text as it is, or the value of a variable. */
export type WordPart = { readonly text: string } | { readonly variable: string };
export type Word = readonly WordPart[];

const VARIABLE = /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/y;

/**
 * Splits a command line into words, of which none is ever split again: a variable's value stays inside its word, whatever
 * it holds. Quotes and backslashes mean what they mean to sh(1); nothing else of a shell's language means anything.
 * @returns undefined when a quote is not closed
 */
export function shellWords(line: string): readonly Word[] | undefined {
  const words: Word[] = [];
  let parts: WordPart[] | undefined;
  let quote: '"' | "'" | undefined;
  const add = (part: WordPart): void => {
    parts ??= [];
    const last = parts.at(-1);
    if ('text' in part && last !== undefined && 'text' in last)
      parts[parts.length - 1] = { text: last.text + part.text };
    else parts.push(part);
  };
  for (let i = 0; i < line.length; i++) {
    const character = line.charAt(i);
    const next = line.charAt(i + 1);
    if (quote === "'") {
      if (character === "'") quote = undefined;
      else add({ text: character });
    } else if (quote === undefined && /\s/.test(character)) {
      if (parts !== undefined) words.push(parts);
      parts = undefined;
    } else if (character === quote) quote = undefined;
    else if (quote === undefined && (character === '"' || character === "'")) {
      quote = character;
      add({ text: '' });
    } else if (character === '\\' && next !== '' && (quote === undefined || '"\\$'.includes(next))) {
      add({ text: next });
      i++;
    } else {
      const name = variableAt(line, i);
      if (name === undefined) add({ text: character });
      else {
        add({ variable: name });
        i = VARIABLE.lastIndex - 1;
      }
    }
  }
  if (quote !== undefined) return undefined;
  if (parts !== undefined) words.push(parts);
  return words;
}

/** A word of its own, in which only variables mean something. */
export function templateWord(text: string): Word {
  const parts: WordPart[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const name = variableAt(text, i);
    if (name === undefined) continue;
    if (i > start) parts.push({ text: text.slice(start, i) });
    parts.push({ variable: name });
    start = VARIABLE.lastIndex;
    i = start - 1;
  }
  if (start < text.length || parts.length === 0) parts.push({ text: text.slice(start) });
  return parts;
}

/** The word with the values in place; a variable that nobody has set is empty. */
export const expandWord = (word: Word, values: Readonly<Record<string, string | undefined>>): string =>
  word.map((part) => ('text' in part ? part.text : (values[part.variable] ?? ''))).join('');

/** The variable named at a place; `VARIABLE.lastIndex` is then behind it. */
function variableAt(text: string, at: number): string | undefined {
  if (text.charAt(at) !== '$') return undefined;
  VARIABLE.lastIndex = at;
  const match = VARIABLE.exec(text);
  return match?.[1] ?? match?.[2];
}

/** What only a shell would understand, outside of quotes; undefined when there is none of it. */
export function shellSyntaxIn(line: string): string | undefined {
  const bare = line.replace(/\\.|'[^']*'/gs, ' ').replace(/"(?:[^"`$]|\$(?!\())*"/gs, ' ');
  return /\$\(|[|;&<>`]/.exec(bare)?.[0];
}
