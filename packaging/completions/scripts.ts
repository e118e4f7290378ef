import { bashCompletion } from './bash.js';
import { fishCompletion } from './fish.js';
import { shape } from './shape.js';
import { zshCompletion } from './zsh.js';

/** Every completion script by the file name that its shell looks for. */
export function completionScripts(): ReadonlyMap<string, string> {
  const all = shape();
  return new Map([
    ['flan', bashCompletion(all)],
    ['_flan', zshCompletion(all)],
    ['flan.fish', fishCompletion(all)],
  ]);
}
