import { FlanError } from '../../errors.js';
import { isJsonObject, type JsonObject } from '../../model/json.js';
import type { AnnotationNames } from './annotations.js';
import { ApiError } from './api-error.js';
import { backoffMs, type Clock } from './clock.js';
import { type ApiClient, type ApiRequest, parseAnswer } from './http.js';
import type { NodeRecord, WantedAnnotations } from './node.js';
import { nodeFromBytes } from './node-bytes.js';
import { annotationPatch, conditionPatch } from './patch.js';

/** How to find out which Node is ours. The Pod needs the right to read itself, so the name is to be preferred. */
export type NodeSource =
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'pod'; readonly namespace: string; readonly name: string };

/** flannel's variables: NODE_NAME, else POD_NAME and POD_NAMESPACE; else the name this host goes by. */
export function nodeSource(env: Readonly<Record<string, string | undefined>>, hostname: string): NodeSource {
  const [node, pod, namespace] = [env.NODE_NAME, env.POD_NAME, env.POD_NAMESPACE];
  if (node) return { type: 'name', name: node };
  return pod && namespace ? { type: 'pod', namespace, name: pod } : { type: 'name', name: hostname.toLowerCase() };
}

export interface OwnNodeOptions {
  readonly client: ApiClient;
  readonly source: NodeSource;
  readonly names: AnnotationNames;
  readonly clock: Clock;
  readonly report: (error: FlanError) => void;
}

/** The Node that this host is, and the two things flan writes there: annotations and one condition. */
export interface OwnNode {
  /** @throws {FlanError} E_NODE_MISSING when it has to be asked of a Pod that is not there */
  name(signal: AbortSignal): Promise<string>;
  /** Its name once that is known without asking. */
  known(): string | undefined;
  /** @throws {FlanError} E_NODE_MISSING */
  read(signal: AbortSignal): Promise<NodeRecord>;
  /** Does nothing when all is as wanted. @returns the Node as it is then */
  annotate(node: NodeRecord, wanted: WantedAnnotations, signal: AbortSignal): Promise<NodeRecord>;
  /** @returns the uid of the Node that carries the condition now */
  setNetwork(state: 'up' | 'down', signal: AbortSignal): Promise<string>;
}

const TRIES = 4;

export function ownNode({ client, source, names, clock, report }: OwnNodeOptions): OwnNode {
  let found = source.type === 'name' ? source.name : undefined;

  const patiently = <T>(send: () => Promise<T>, signal: AbortSignal): Promise<T> =>
    retrying({ send, clock, report, signal });

  const name = async (signal: AbortSignal): Promise<string> => {
    found ??= await patiently(() => nodeOfPod(client, source, signal), signal);
    return found;
  };
  const path = async (signal: AbortSignal): Promise<string> =>
    `/api/v1/nodes/${encodeURIComponent(await name(signal))}`;
  const get = async (signal: AbortSignal): Promise<ApiRequest> => ({
    method: 'GET',
    path: await path(signal),
    needs: 'get nodes',
  });
  const bytes = async (request: ApiRequest, signal: AbortSignal): Promise<Buffer> => {
    try {
      return await patiently(() => client.bytes(request, signal), signal);
    } catch (error) {
      throw error instanceof ApiError && error.status === 404 ? nodeMissing(await name(signal), error) : error;
    }
  };
  const record = (request: ApiRequest, body: Buffer): NodeRecord =>
    parseAnswer(request, client.server, () => nodeFromBytes(body, { from: 0, to: body.length }, names.prefix));
  const patch = async (body: JsonObject, signal: AbortSignal): Promise<NodeRecord> => {
    const request: ApiRequest = {
      method: 'PATCH',
      path: `${await path(signal)}/status`,
      // As flannel: one patch type for both; conditions merge by their type, so nobody else's is touched.
      contentType: 'application/strategic-merge-patch+json',
      body,
      needs: 'patch nodes/status',
    };
    return record(request, await bytes(request, signal));
  };

  return {
    name,
    known: () => found,
    async read(signal) {
      const request = await get(signal);
      return record(request, await bytes(request, signal));
    },
    async annotate(node, wanted, signal) {
      const body = annotationPatch(node, wanted);
      return body === undefined ? node : patch(body, signal);
    },
    async setNetwork(state, signal) {
      const request = await get(signal);
      const body = await bytes(request, signal);
      const node = parseAnswer(request, client.server, (): unknown => JSON.parse(body.toString('utf8')));
      const condition = conditionPatch(isJsonObject(node) ? node : {}, state, new Date(clock.nowMs()));
      return (condition === undefined ? record(request, body) : await patch(condition, signal)).uid;
    },
  };
}

async function nodeOfPod(client: ApiClient, source: NodeSource, signal: AbortSignal): Promise<string> {
  if (source.type === 'name') return source.name;
  const path = `/api/v1/namespaces/${encodeURIComponent(source.namespace)}/pods/${encodeURIComponent(source.name)}`;
  const pod = await client.json({ method: 'GET', path, needs: 'get pods' }, signal).catch((error: unknown) => {
    throw error instanceof ApiError && error.status === 404 ? podMissing(source, error) : error;
  });
  const name = isJsonObject(pod.spec) ? pod.spec.nodeName : undefined;
  if (typeof name !== 'string' || name === '') throw podMissing(source, undefined);
  return name;
}

const podMissing = (source: NodeSource, cause: unknown): FlanError =>
  new FlanError(
    'E_NODE_MISSING',
    `cannot tell which Node this is: ${cause ? 'there is no' : 'no Node runs'} Pod ${source.type === 'pod' ? `${source.namespace}/` : ''}${source.name}`,
    {
      hint: 'Set NODE_NAME to the name of the Node (downward API: spec.nodeName)',
      cause,
    },
  );

export const nodeMissing = (name: string, cause?: unknown): FlanError =>
  new FlanError('E_NODE_MISSING', `there is no Node ${name}`, {
    retry: true,
    hint: 'Wait for the kubelet to register it, or set NODE_NAME to one of: kubectl get nodes',
    cause,
  });

interface Retrying<T> {
  readonly send: () => Promise<T>;
  readonly clock: Clock;
  readonly report: (error: FlanError) => void;
  readonly signal: AbortSignal;
}

/** Again, a few times, when the server answered that it is too busy or that somebody else wrote at the same moment. */
export async function retrying<T>({ send, clock, report, signal }: Retrying<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const later = error instanceof ApiError && error.retry && error.status !== 410;
      if (!later || attempt === TRIES) throw error;
      report(error);
      await clock.sleep(backoffMs(attempt, clock, error.retryAfterMs), signal);
    }
  }
}
