import type { JsonObject } from '../../../model/json.js';
import type { CloudEdge } from '../client.js';
import { type CloudError, type RefusalSort, refusal, sortOfStatus } from '../cloud-error.js';
import { type CredentialSource, renewing } from '../credentials.js';
import { addressOf, type HttpAnswer, retryAfterMs, send } from '../http.js';
import { objectOf, objectsOf, parseObject, textOf, tryObject } from '../json.js';
import { API, persistently } from '../retry.js';
import type { GoogleToken } from './credentials.js';

export interface GceCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below `projects/PROJECT`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  /** `compute.routes.create`. */
  readonly permission: string;
}

export type GceApi = (call: GceCall, signal: AbortSignal) => Promise<JsonObject>;

export interface GceApiInit {
  readonly edge: CloudEdge;
  readonly credentials: CredentialSource<GoogleToken>;
  readonly project: (signal: AbortSignal) => Promise<string>;
}

const TIMEOUT_MS = 10_000;
const BASE = 'https://compute.googleapis.com/compute/v1/';

/** The REST API of Compute Engine. @see cloud.google.com/compute/docs/reference/rest/v1 */
export function gceApi({ edge, credentials, project }: GceApiInit): GceApi {
  // gcloud's own variable for other endpoints, such as those of Private Service Connect.
  const base = (edge.env.CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE || BASE).replace(/\/?$/, '/');
  const attempt = async (
    { method, path, query, body, permission }: GceCall,
    signal: AbortSignal,
  ): Promise<JsonObject> => {
    const what = `GCE ${permission.replace('compute.', '')}`;
    const url = addressOf(`${base}projects/${await project(signal)}${path === '' ? '' : `/${path}`}`, what);
    url.search = new URLSearchParams(query).toString();
    const { bearer } = await credentials.get(signal);
    const headers = { authorization: `Bearer ${bearer}`, ...(body && { 'content-type': 'application/json' }) };
    const answer = await send(
      { what, method, url: url.href, headers, timeoutMs: TIMEOUT_MS, ...(body && { body: JSON.stringify(body) }) },
      signal,
    );
    if (answer.status >= 200 && answer.status < 300) return parseObject(answer.text, what);
    throw refusedBy(answer, permission);
  };
  return (call, signal) =>
    persistently(edge, () => renewing(credentials, () => attempt(call, signal)), { ...API, signal });
}

const SORTS = new Map<string, RefusalSort>(
  Object.entries({
    rateLimitExceeded: 'throttled',
    userRateLimitExceeded: 'throttled',
    quotaExceeded: 'quota',
    QUOTA_EXCEEDED: 'quota',
    QUOTA_LIMIT_EXCEEDED: 'quota',
    alreadyExists: 'raced',
    RESOURCE_ALREADY_EXISTS: 'raced',
    authError: 'credentials',
    resourceNotReady: 'throttled',
    RESOURCE_NOT_READY: 'throttled',
  }),
);

const BY_STATUS: Readonly<Record<number, RefusalSort>> = {
  401: 'credentials',
  403: 'denied',
  409: 'raced',
};

/** What the API says with any status but 2xx. */
export function refusedBy(answer: HttpAnswer, permission: string): CloudError {
  const error = objectOf(tryObject(answer.text), 'error');
  const reason = textOf(objectsOf(error, 'errors')[0], 'reason') ?? '';
  const sort = SORTS.get(reason) ?? BY_STATUS[answer.status] ?? sortOfStatus(answer.status);
  return refusal(sort, {
    ...{ cloud: 'GCE', action: permission.replace('compute.', ''), permission, reason, status: answer.status },
    said: textOf(error, 'message') ?? '',
    retryAfterMs: retryAfterMs(answer),
  });
}

/** What an operation says that has come to nothing; undefined for one that went well. */
export function failureOf(operation: JsonObject, permission: string): CloudError | undefined {
  const [first] = objectsOf(objectOf(operation, 'error'), 'errors');
  if (first === undefined) return undefined;
  const reason = textOf(first, 'code') ?? '';
  const status = typeof operation.httpErrorStatusCode === 'number' ? operation.httpErrorStatusCode : 0;
  return refusal(SORTS.get(reason) ?? BY_STATUS[status] ?? sortOfStatus(status), {
    ...{ cloud: 'GCE', action: permission.replace('compute.', ''), permission, reason, status },
    said: textOf(first, 'message') ?? '',
  });
}
