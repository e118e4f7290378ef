/** An element of an answer of EC2: it has no use for attributes, mixed content, CDATA or a DTD. */
export interface XmlElement {
  readonly name: string;
  /** Of an element without children; white space at both ends is no part of it. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const MAX_DEPTH = 32;
const TOKEN =
  /<\?[^?]*\?>|<!--.*?-->|<(\/?)([A-Za-z_][\w.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gsy;
const ENTITIES = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }));

/** Reads a document with one root. @throws {SyntaxError} for anything else, whatever the text */
export function parseXml(text: string): XmlElement {
  interface Open {
    readonly name: string;
    text: string;
    readonly children: XmlElement[];
  }
  const top: Open = { name: '', text: '', children: [] };
  const stack: Open[] = [top];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    const current = stack.at(-1);
    if (match === null || current === undefined) throw new SyntaxError(`not XML at offset ${start}`);
    const [, slash, name, , selfClosing, chars] = match;
    if (chars !== undefined) current.text += unescaped(chars);
    else if (name === undefined) continue;
    else if (slash === '/') {
      if (stack.length === 1 || current.name !== name)
        throw new SyntaxError(`</${name}> at offset ${start} closes nothing`);
      stack.pop();
    } else {
      const element: Open = { name, text: '', children: [] };
      current.children.push(element);
      if (selfClosing === '/') continue;
      if (stack.length > MAX_DEPTH) throw new SyntaxError('nested too deeply');
      stack.push(element);
    }
  }
  const [root, second] = top.children;
  if (stack.length !== 1 || root === undefined || second !== undefined || top.text.trim() !== '') {
    throw new SyntaxError('not one whole XML document');
  }
  return root;
}

const unescaped = (text: string): string =>
  text.replace(/&([^;&]*);?/g, (whole, entity: string) => {
    const code = /^#(?:x([\da-fA-F]{1,6})|(\d{1,7}))$/.exec(entity);
    if (!whole.endsWith(';')) throw new SyntaxError(`'${whole.slice(0, 20)}' is no entity`);
    const point = code?.[1] !== undefined ? Number.parseInt(code[1], 16) : Number(code?.[2] ?? Number.NaN);
    const known = point <= 0x10ffff ? String.fromCodePoint(point) : ENTITIES.get(entity);
    if (known === undefined) throw new SyntaxError(`'&${entity.slice(0, 20)};' is no entity`);
    return known;
  });

/** The first element on a path; undefined when there is none. */
export const elementAt = (element: XmlElement | undefined, ...path: readonly string[]): XmlElement | undefined =>
  path.reduce<XmlElement | undefined>((at, name) => at?.children.find((child) => child.name === name), element);

/** The text there; undefined for none, and for an empty one. */
export const textAt = (element: XmlElement | undefined, ...path: readonly string[]): string | undefined =>
  elementAt(element, ...path)?.text.trim() || undefined;

/** The members of a list, which EC2 calls `item`. */
export const itemsAt = (element: XmlElement | undefined, ...path: readonly string[]): readonly XmlElement[] =>
  elementAt(element, ...path)?.children.filter(({ name }) => name === 'item') ?? [];
