/**
 * The two merges a Node's PATCH knows.
 * @see RFC 7386 (merge patch); sig-api-machinery/strategic-merge-patch.md and the patchStrategy tags of core/v1 types.go
 */

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

/** Lists of a Node that merge, by path, with their patchMergeKey; '' for lists of plain values. All others are replaced. */
const MERGED_LISTS: Readonly<Record<string, string>> = {
  'status.conditions': 'type',
  'status.addresses': 'type',
  'spec.podCIDRs': '',
  'metadata.finalizers': '',
  'metadata.ownerReferences': 'uid',
};

/** @throws {Error} for a patch that the real server answers with 400 */
export function strategicMergePatch(target: unknown, patch: unknown, path = ''): unknown {
  if (!isObject(patch)) return patch;
  if (patch.$patch === 'replace') return without(patch, '$patch');
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    const at = path === '' ? name : `${path}.${name}`;
    if (name.startsWith('$setElementOrder/') || name === '$retainKeys') continue;
    if (name.startsWith('$deleteFromPrimitiveList/')) {
      const list = name.slice('$deleteFromPrimitiveList/'.length);
      result[list] = ((result[list] as unknown[]) ?? []).filter((item) => !(value as unknown[]).includes(item));
    } else if (value === null) delete result[name];
    else if (Array.isArray(value) && at in MERGED_LISTS)
      result[name] = mergeList(result[name], value, MERGED_LISTS[at] ?? '');
    else result[name] = isObject(value) ? strategicMergePatch(result[name], value, at) : value;
  }
  return result;
}

function mergeList(target: unknown, patch: readonly unknown[], key: string): unknown[] {
  const result: unknown[] = Array.isArray(target) ? [...target] : [];
  if (key === '') return [...new Set([...result, ...patch])];
  for (const item of patch) {
    if (!isObject(item) || item[key] === undefined)
      throw new Error(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const index = result.findIndex((present) => isObject(present) && present[key] === item[key]);
    if (item.$patch === 'delete') {
      if (index >= 0) result.splice(index, 1);
    } else if (index < 0) result.push(item);
    else result[index] = strategicMergePatch(result[index], item, '[]');
  }
  return result;
}

const without = (fields: Fields, name: string): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));
