import { randomBytes } from 'node:crypto';
import type { JsonObject } from '../../model/json.js';
import type { NodeNote } from '../store.js';
import type { ApiRequest } from './http.js';

/** Events of cluster-wide objects live here. */
const NAMESPACE = 'default';
/** The API server refuses longer messages. */
const LONGEST_MESSAGE = 1024;

/** The request that puts a core/v1 Event on a Node. It only ever creates: no right to read or change Events is needed. */
export function eventRequest({ node, note, now }: { node: string; note: NodeNote; now: Date }): ApiRequest {
  const at = `${now.toISOString().slice(0, 19)}Z`;
  const name = `${node}.${randomBytes(8).toString('hex')}`;
  const body: JsonObject = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: NAMESPACE },
    // As the kubelet does: `kubectl describe node` looks for the name in place of the uid.
    involvedObject: { apiVersion: 'v1', kind: 'Node', name: node, uid: node },
    type: note.type,
    reason: note.reason,
    message: note.message.slice(0, LONGEST_MESSAGE),
    count: note.count,
    firstTimestamp: at,
    lastTimestamp: at,
    source: { component: 'flan', host: node },
    reportingComponent: 'flan',
    reportingInstance: node,
  };
  return { method: 'POST', path: `/api/v1/namespaces/${NAMESPACE}/events`, body, needs: 'create events' };
}
