import type { JsonObject } from '../model/json.js';
import { optionReader } from '../model/options.js';
import type { Warning } from '../model/warning.js';
import type { Backend } from './backend.js';

/** Options that the backend does not look for. flannel says nothing of them; a misspelt `PSK` is worth a word. */
export function unknownOptions({ optionNames }: Pick<Backend, 'optionNames'>, raw: JsonObject): readonly Warning[] {
  const read = optionReader({ raw, path: 'Backend' });
  for (const name of optionNames) read.json(name);
  return read.unread();
}
