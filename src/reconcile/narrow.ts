import { isLeaseChange } from '../kinds/lease.js';
import { leaseName } from '../model/lease.js';
import type { Warning } from '../model/warning.js';
import type { Key } from '../planner/kind.js';
import { narrow, type Targets } from '../planner/target.js';
import { summarise } from '../report/document.js';
import type { Preview } from './compute.js';
import { firstNamed } from './first-named.js';

/** A preview of the part that is asked for, which says what it leaves out. */
export function narrowed(preview: Preview, targets: Targets): Preview {
  if (targets.target.length + targets.exclude.length === 0) return preview;
  const nodes = nodesOf(preview);
  const { plan, leftOut, added } = narrow({
    plan: preview.plan,
    ...targets,
    nodeOf: (key) => nodes.get(key),
    // Without the lease nothing can be made: whose it is and which subnet it has, all else follows from.
    isBasis: isLeaseChange,
  });
  const warnings: Warning[] = [
    ...preview.warnings,
    ...told(
      leftOut,
      'W_LEFT_OUT',
      (count) => `${count} ${count === 1 ? 'change is' : 'changes are'} left out as asked`,
    ),
    ...told(added, 'W_INCLUDED', (count) => `${count} more ${count === 1 ? 'is' : 'are'} needed for what is asked`),
  ];
  const { document } = preview;
  const summary = summarise(plan, document.foreign);
  return { ...preview, plan, document: { ...document, plan, warnings: merged(document.warnings, warnings), summary } };
}

const merged = (a: readonly Warning[], b: readonly Warning[]): readonly Warning[] => [...new Set([...a, ...b])];

/** Which node's lease asks for a key; this node for what it holds whoever its peers are. */
function nodesOf({ desired, table, inputs }: Preview): ReadonlyMap<Key, string> {
  const nodes = new Map<Key, string>();
  for (const key of desired.keysOf('local')) nodes.set(key, inputs.identity.node);
  for (const lease of table.admitted()) for (const key of desired.keysOf(lease.key)) nodes.set(key, leaseName(lease));
  return nodes;
}

function told(
  steps: readonly { readonly key: Key }[],
  code: Warning['code'],
  words: (count: number) => string,
): Warning[] {
  if (steps.length === 0) return [];
  return [{ code, message: `${words(steps.length)}: ${firstNamed(steps.map(({ key }) => key))}` }];
}
