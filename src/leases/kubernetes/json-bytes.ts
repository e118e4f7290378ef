/**
 * Walks JSON text as bytes without building values: what is not wanted (nine tenths of a Node) costs about a
 * nanosecond per byte and no memory. Texts come from an API server; whatever they hold, a walk ends or throws.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Offsets of one value: `[from, to)`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

function afterSpace(bytes: Buffer, at: number): number {
  let i = at;
  while (isSpace(bytes[i])) i++;
  return i;
}

/** Strings shorter than this are walked: a call into native code costs as much. */
const SHORT_BYTES = 24;

/**
 * Where the string ends that `at` is in: the place of its closing quote. When the bytes end first: their length, or one
 * more when the last of them is a backslash that escapes what comes next.
 */
export function closingQuote(bytes: Buffer, at: number): number {
  let i = at;
  for (const near = Math.min(at + SHORT_BYTES, bytes.length); i < near; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) return i;
    if (byte === BACKSLASH) i++;
  }
  if (i >= bytes.length) return i;
  for (let from = i; ; ) {
    const quote = bytes.indexOf(QUOTE, from);
    const end = quote < 0 ? bytes.length : quote;
    let slash = end;
    while (slash > i && bytes[slash - 1] === BACKSLASH) slash--;
    const escaped = (end - slash) % 2 === 1;
    if (quote < 0) return escaped ? end + 1 : end;
    if (!escaped) return quote;
    from = quote + 1;
  }
}

/** @param at just behind the opening quote @returns just behind the closing one */
function afterString(bytes: Buffer, at: number): number {
  const quote = closingQuote(bytes, at);
  if (quote >= bytes.length) throw new SyntaxError('a string does not end');
  return quote + 1;
}

function afterNested(bytes: Buffer, at: number): number {
  let depth = 0;
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) i = afterString(bytes, i + 1) - 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) return i + 1;
  }
  throw new SyntaxError('an object or array does not end');
}

function afterValue(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first === QUOTE) return afterString(bytes, at + 1);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return afterNested(bytes, at);
  let i = at;
  for (; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isSpace(byte)) break;
  }
  if (i === at) throw new SyntaxError(`no value at byte ${at}`);
  return i;
}

/** The value of a span. @throws {SyntaxError} */
export const valueIn = (bytes: Buffer, { from, to }: Span): unknown => JSON.parse(bytes.toString('utf8', from, to));

/** The value of a span that holds a string; most hold no escapes and need no parsing. @throws {SyntaxError} */
export function stringIn(bytes: Buffer, { from, to }: Span): string {
  if (bytes[from] !== QUOTE) throw new SyntaxError(`no string at byte ${from}`);
  const text = bytes.toString('utf8', from + 1, to - 1);
  return text.includes('\\') ? String(JSON.parse(`"${text}"`)) : text;
}

/**
 * Calls `visit` for each member of the object at `span`, until it says that it has seen enough; of a value that is not
 * an object there are none.
 * @throws {SyntaxError} for text that cannot be walked; what lies inside the values is not checked
 */
export function eachMember(
  bytes: Buffer,
  span: Span,
  visit: (name: string, value: Span) => 'enough' | undefined,
): void {
  let i = afterSpace(bytes, span.from);
  if (bytes[i] !== OPEN_BRACE) return;
  i = afterSpace(bytes, i + 1);
  if (bytes[i] === CLOSE_BRACE) return;
  for (;;) {
    const nameEnd = afterString(bytes, i + 1);
    const name = stringIn(bytes, { from: i, to: nameEnd });
    i = afterSpace(bytes, nameEnd);
    if (bytes[i] !== COLON) throw new SyntaxError(`no colon at byte ${i}`);
    const from = afterSpace(bytes, i + 1);
    const to = afterValue(bytes, from);
    if (visit(name, { from, to }) === 'enough') return;
    i = afterSpace(bytes, to);
    if (bytes[i] === CLOSE_BRACE) return;
    if (bytes[i] !== COMMA) throw new SyntaxError(`neither comma nor end of object at byte ${i}`);
    i = afterSpace(bytes, i + 1);
  }
}
