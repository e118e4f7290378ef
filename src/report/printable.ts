import type { Paint } from './paint.js';

// Control characters; what turns the direction of text round; what ends a line without being a newline.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text of unknown origin as something that stays on its line and says what it says: names in leases are chosen by
 * other machines, and a terminal or a shell takes orders.
 */
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);

/** The same colours for text of unknown origin. */
export const guarded = (paint: Paint): Paint => ({
  bold: (text) => paint.bold(printable(text)),
  dim: (text) => paint.dim(printable(text)),
  red: (text) => paint.red(printable(text)),
  green: (text) => paint.green(printable(text)),
  yellow: (text) => paint.yellow(printable(text)),
  cyan: (text) => paint.cyan(printable(text)),
});
