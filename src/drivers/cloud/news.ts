import { kinds } from '../../kinds/index.js';
import { type Key, type Resource, sameValue } from '../../planner/kind.js';
import type { Notice, Scope } from '../driver.js';
import { type CloudLook, observationOf } from './look.js';

/** What one look found that the one before did not, as news. */
export function differences(before: CloudLook, now: CloudLook, scope: Scope): Notice[] {
  const index = (look: CloudLook): Map<Key, Resource> =>
    new Map(observationOf(look, scope).resources.map((resource) => [kinds.key(resource), resource]));
  const [was, is] = [index(before), index(now)];
  const gone = [...was.keys()].filter((key) => !is.has(key)).map((key): Notice => ({ type: 'gone', key }));
  const seen = [...is]
    .filter(([key, resource]) => !sameValue(was.get(key), resource))
    .map(([key, resource]): Notice => ({ type: 'seen', key, resource }));
  const isMoved = !sameValue(before.facts.interfaces, now.facts.interfaces) || !sameValue(before.self, now.self);
  return [
    ...gone,
    ...seen,
    ...(isMoved ? [{ type: 'host', why: 'the cloud says other things of this instance' } as const] : []),
  ];
}
