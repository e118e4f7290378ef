import type { Json, JsonObject } from '../../model/json.js';
import { isJsonObject } from '../../model/json.js';
import type { NodeRecord, WantedAnnotations } from './node.js';

/** The body that turns a Node's annotations into the wanted ones; undefined when they are so already. */
export function annotationPatch(node: NodeRecord, wanted: WantedAnnotations): JsonObject | undefined {
  const changed = Object.entries(wanted).filter(([name, value]) => node.annotations[name] !== value);
  if (changed.length === 0) return undefined;
  const annotations = Object.fromEntries(changed.map(([name, value]): [string, Json] => [name, value ?? null]));
  return { metadata: { annotations } };
}

interface Condition {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** flannel's own words where it has some: other tools look for them. */
const NETWORK_CONDITION = {
  up: { status: 'False', reason: 'FlannelIsUp', message: 'Flannel is running on this node' },
  down: { status: 'True', reason: 'FlannelIsDown', message: 'Flannel is not ready on this node' },
} as const satisfies Record<string, Condition>;

/**
 * The strategic-merge body (conditions merge by `type`) that sets NetworkUnavailable; undefined when the Node, as the
 * server sent it, already says so. The transition time moves only when the status does.
 */
export function conditionPatch(node: JsonObject, state: 'up' | 'down', now: Date): JsonObject | undefined {
  const wanted: Condition = NETWORK_CONDITION[state];
  const present = conditionsOf(node).find((condition) => condition.type === 'NetworkUnavailable');
  const { status, reason, message } = wanted;
  if (present?.status === status && present.reason === reason && present.message === message) return undefined;
  const at = rfc3339(now);
  const moved = present?.status === status ? undefined : { lastTransitionTime: at };
  const condition = { type: 'NetworkUnavailable', ...wanted, ...moved, lastHeartbeatTime: at };
  return { status: { conditions: [condition] } };
}

function conditionsOf(node: JsonObject): readonly JsonObject[] {
  const status = node.status;
  const list = isJsonObject(status) ? status.conditions : undefined;
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}

/** metav1.Time: whole seconds, UTC. */
const rfc3339 = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`;
