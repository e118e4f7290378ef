import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { linkKey } from './link.js';

/** A kernel setting of one of our links. It comes and goes with the link and is never deleted. @see sysctl(8) */
export interface Sysctl {
  readonly kind: 'sysctl';
  /** Below /proc/sys, with slashes: `net/ipv6/conf/flannel.1/accept_ra`. */
  readonly path: string;
  readonly value: string;
  readonly dev: string;
}

export const sysctlKey = (path: string): Key => keyOf('sysctl', path);

export const sysctlKind: Kind<Sysctl> = {
  kind: 'sysctl',
  rank: 15,
  readByName: true,
  key: ({ path }) => sysctlKey(path),
  fields: ['value'],
  inPlace: ['value'],
  needs: ({ dev }) => [linkKey(dev)],
  owns: () => true,
  describe: ({ value }) => value,
};
