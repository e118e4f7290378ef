import { delimiter } from 'node:path';
import type { Variables } from '../../kinds/extension-command.js';

/** What a plain user's PATH lacks, and ip(8) is in. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
/** Ours and flanneld's settings that hold secrets, and the cloud credentials that flanneld reads. */
const SECRET = /^(?:FLAN|FLANNELD)_.*(?:PASSWORD|SECRET|TOKEN|PSK)|^ACCESS_KEY_(?:ID|SECRET)$/;
/** The kernel takes no string of more than 128 KiB with its name. @see execve(2) MAX_ARG_STRLEN */
const MAX_VALUE_BYTES = 64 * 1024;

/**
 * The environment of a command: flan's own without its secrets, and the values. One that no environment can hold (too
 * long, or with a NUL) is empty there: what may be such comes on standard input as well.
 */
export function environmentOf(own: NodeJS.ProcessEnv, variables: Variables): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && !SECRET.test(name)) environment[name] = value;
  }
  environment.PATH = [own.PATH ?? '', ...SBIN].filter((directory) => directory !== '').join(delimiter);
  for (const [name, value] of Object.entries(variables)) environment[name] = isPossible(value) ? value : '';
  return environment;
}

const isPossible = (value: string): boolean =>
  value.length <= MAX_VALUE_BYTES && Buffer.byteLength(value) <= MAX_VALUE_BYTES && !value.includes('\0');
