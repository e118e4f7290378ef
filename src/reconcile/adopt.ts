import { kinds } from '../kinds/index.js';
import type { Link } from '../kinds/link.js';
import type { Ownership, Resource } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';
import type { Takes } from './part.js';

/**
 * Steps that take over what flanneld made: its device, what stands on it, its routes, its packet filter rules. Nothing
 * that would have to be made anew for it, as that costs packets: those are left to `apply --adopt`.
 */
export const takesOver: Takes = (step, { inputs: { ownership }, plan }) => {
  switch (step.action) {
    case 'adopt':
      return isFlannelds(step.before, ownership);
    case 'update':
      // Names and comments are flanneld's own, so its rules count as ours already: only their wording differs.
      return RULE_SETS.has(step.after.kind);
    case 'delete':
      // What flanneld put on its device and no lease asks for: once the device is ours nobody would remove it. While the
      // device stays flanneld's, so does this.
      return (
        !kinds.of(step.before).owns(step.before, ownership) &&
        isFlannelds(step.before, ownership) &&
        !plan.steps.some((other) => step.needs.includes(other.key) && staysTheirs(other, ownership))
      );
    default:
      return false;
  }
};

/** Whether it is of others, and adopt does not take it. */
const staysTheirs = (step: Step, ownership: Ownership): boolean =>
  (step.action === 'replace' && !kinds.of(step.before).owns(step.before, ownership)) ||
  (step.action === 'adopt' && !isFlannelds(step.before, ownership));

const RULE_SETS: ReadonlySet<string> = new Set(['nft-table', 'iptables-rules']);
/** Live and die with their link, and carry nothing that says whose they are. */
const INSIDE_LINKS: ReadonlySet<string> = new Set(['wireguard-device', 'wireguard-peer']);

/** By what flanneld leaves on its objects, which is nothing: what people marked otherwise is theirs. */
const isFlannelds = (resource: Resource, ownership: Ownership): boolean =>
  resource.kind === 'link'
    ? (resource as Link).alias === ''
    : INSIDE_LINKS.has(resource.kind) || kinds.of(resource).goesWith?.(resource, ownership) !== undefined;
