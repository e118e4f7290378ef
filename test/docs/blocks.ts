/** A marked part of a document that is generated: from `<!-- NAME -->` to `<!-- /NAME -->`, a line each. */
const block = (name: string): RegExp =>
  new RegExp(`(?<=^<!-- ${name} -->\n)(?:(?!<!-- /${name} -->$)[^\n]*\n)*?(?=<!-- /${name} -->$)`, 'm');

/** @throws {Error} when the document has no such block */
export function blockOf(document: string, name: string): string {
  const text = block(name).exec(document)?.[0];
  if (text === undefined) throw new Error(`no block between <!-- ${name} --> and <!-- /${name} -->`);
  return text;
}

export function withBlock(document: string, { name, text }: { name: string; text: string }): string {
  blockOf(document, name);
  return document.replace(block(name), () => text);
}

/** The names of all blocks, in their order. */
export const blocksOf = (document: string): string[] =>
  [...document.matchAll(/^<!-- ([a-z-]+) -->$/gm)].map(([, name]) => name ?? '');
