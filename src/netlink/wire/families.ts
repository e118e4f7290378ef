import type { Family } from '../../model/ip.js';
import { AF_INET, AF_INET6 } from './constants.js';
import { DecodeError } from './decode-error.js';

export const afOf = (family: Family): number => (family === 4 ? AF_INET : AF_INET6);

/** @throws {DecodeError} for a family that is not IP */
export function familyOfAf(af: number, { table, offset }: { table: string; offset: number }): Family {
  if (af === AF_INET) return 4;
  if (af === AF_INET6) return 6;
  throw new DecodeError(`address family ${af}`, { table, attribute: 'family', offset });
}

/** @throws {DecodeError} when a header structure does not fit */
export function requireHeader(table: string, at: { offset: number; length: number; need: number }): void {
  if (at.length < at.need) throw new DecodeError(`${at.length} bytes of ${at.need}`, { table, offset: at.offset });
}
