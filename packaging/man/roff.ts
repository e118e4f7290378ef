/**
 * The few words of man(7) that our pages need. Text comes in plain, `like this` where it is literal, and leaves escaped.
 * @see groff_man(7), groff_char(7)
 */

/** Plain text: no character of it means anything to roff. */
export const escaped = (text: string): string =>
  text.replace(/[\\\-^~'`]|[^\n -~]/gu, (character) => ESCAPES[character] ?? unicode(character));

/** As typed: a plain `-` would be printed as a hyphen, which no shell understands. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  '^': '\\(ha',
  '~': '\\(ti',
  "'": '\\(aq',
  '`': '\\(ga',
};

const unicode = (character: string): string =>
  `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`;

/** A line must not start like a request. */
const guarded = (line: string): string => (line.startsWith('.') ? `\\&${line}` : line);

const inline = (text: string): string =>
  text
    .split('`')
    .map((part, i) => (i % 2 === 1 ? bold(part) : escaped(part)))
    .join('');

export const bold = (text: string): string => `\\fB${escaped(text)}\\fR`;
export const italic = (text: string): string => `\\fI${escaped(text)}\\fR`;

/** Text with empty lines between its paragraphs. */
export const paragraphs = (text: string): readonly string[] =>
  text.split(/\n{2,}/).flatMap((paragraph) => ['.PP', ...wordsOf(paragraph)]);

const wordsOf = (text: string): readonly string[] => inline(text).split('\n').map(guarded);

export const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [`.SH ${title}`, ...lines];

/** An indented paragraph under a line of its own, which is roff already. */
export const item = (head: string, text: string): readonly string[] => ['.TP', guarded(head), ...wordsOf(text)];

/** Lines as they are, in a fixed font where there is one. */
export const literal = (lines: readonly string[]): readonly string[] => [
  '.PP',
  '.RS 4',
  '.EX',
  ...lines.flatMap((line) => line.split('\n')).map((line) => guarded(escaped(line))),
  '.EE',
  '.RE',
];

/** `name(8)`, the name in bold. */
export const reference = (name: string, chapter: number): string => `${bold(name)}(${chapter})`;

export interface PageInit {
  readonly name: string;
  readonly chapter: number;
  readonly version: string;
  readonly summary: string;
  readonly lines: readonly string[];
}

/** A whole page. It bears no date, so that the same sources give the same bytes. */
export const page = ({ name, chapter, version, summary, lines }: PageInit): string =>
  [
    '.\\" Generated from the commands and settings of flan: do not edit.',
    `.TH "${escaped(name.toUpperCase())}" "${chapter}" "" "flan ${version}" "flan manual"`,
    '.nh',
    '.ad l',
    ...section('NAME', [`${escaped(name)} \\- ${guarded(inline(summary))}`]),
    ...lines,
    '',
  ].join('\n');
