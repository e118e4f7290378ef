import { DEFAULT, type Found, type Origin } from './settings-derived.js';

/** Set by bin/flanneld.js: the process goes by flanneld's name, so what nobody says is as flanneld has it. */
const NAME = { variable: 'FLAN_AS', value: 'flanneld' } as const;

const ORIGIN: Origin = { level: 'default', text: 'default of flanneld' };

/** flanneld keeps leases in etcd, and takes what an earlier one left for its own. After `decideStore`. */
export function decideAsFlanneld(found: Found, env: Readonly<Record<string, string | undefined>>): void {
  if (env[NAME.variable] !== NAME.value) return;
  const rank = Number.POSITIVE_INFINITY;
  if (found.get('store')?.origin === DEFAULT) found.set('store', { value: 'etcd', rank, origin: ORIGIN });
  if (found.get('adopt')?.origin === DEFAULT) found.set('adopt', { value: true, rank, origin: ORIGIN });
}
