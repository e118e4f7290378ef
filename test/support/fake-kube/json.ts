import type { KubeObject } from './objects.js';

const texts = new WeakMap<KubeObject, string>();

/** JSON of an object, made once: objects are never changed, only replaced. */
export function jsonOf(object: KubeObject): string {
  const known = texts.get(object);
  if (known !== undefined) return known;
  const text = JSON.stringify(object);
  texts.set(object, text);
  return text;
}
