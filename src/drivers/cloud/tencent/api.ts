import type { JsonObject } from '../../../model/json.js';
import type { CloudEdge } from '../client.js';
import { malformed, type RefusalSort, refusal, sortOfStatus } from '../cloud-error.js';
import { type CredentialSource, renewing } from '../credentials.js';
import { addressOf, type HttpAnswer, retryAfterMs, send } from '../http.js';
import { objectOf, textOf, tryObject } from '../json.js';
import { API, persistently } from '../retry.js';
import { signTc3 } from './sign.js';

export type TencentApi = (action: string, body: JsonObject, signal: AbortSignal) => Promise<JsonObject>;

export interface TencentApiInit {
  readonly edge: CloudEdge;
  readonly credentials: CredentialSource;
  readonly region: (signal: AbortSignal) => Promise<string>;
}

const TIMEOUT_MS = 10_000;

/** API 3.0 of Tencent's VPC service. @see cloud.tencent.com/document/api/215/15755 */
export function tencentApi({ edge, credentials, region }: TencentApiInit): TencentApi {
  const attempt = async (action: string, body: string, signal: AbortSignal): Promise<JsonObject> => {
    const what = `Tencent ${action}`;
    const url = addressOf(edge.env.TENCENTCLOUD_VPC_ENDPOINT || 'https://vpc.tencentcloudapi.com/', what);
    const headers = {
      'x-tc-version': '2017-03-12',
      'x-tc-region': await region(signal),
      ...signTc3({
        ...{ action, service: 'vpc', host: url.hostname, body, nowMs: edge.wallMs() },
        credentials: await credentials.get(signal),
      }),
    };
    const answer = await send({ what, method: 'POST', url: url.href, headers, body, timeoutMs: TIMEOUT_MS }, signal);
    return responseOf(answer, action);
  };
  return (action, body, signal) =>
    persistently(edge, () => renewing(credentials, () => attempt(action, JSON.stringify(body), signal)), {
      ...API,
      signal,
    });
}

/** By the first words of a code: more are added to these after a dot. */
const SORTS: readonly (readonly [RegExp, RefusalSort])[] = [
  [/^RequestLimitExceeded/, 'throttled'],
  [/^(?:InternalError|InternalServerError)/, 'broken'],
  [/^(?:AuthFailure\.)?UnauthorizedOperation/, 'denied'],
  [/^AuthFailure/, 'credentials'],
  [/^LimitExceeded/, 'quota'],
  [/^InvalidParameterValue\.Duplicate/, 'raced'],
  [/^(?:ResourceInUse|UnsupportedOperation\.Mutex)/, 'throttled'],
];

/** Errors come with status 200 too. @throws {FlanError} E_CLOUD_… */
export function responseOf(answer: HttpAnswer, action: string): JsonObject {
  const response = objectOf(tryObject(answer.text), 'Response');
  const error = objectOf(response, 'Error');
  if (response !== undefined && error === undefined && answer.status === 200) return response;
  if (error === undefined && answer.status === 200) throw malformed(`Tencent ${action}`, 'no Response in it');
  const reason = textOf(error, 'Code') ?? '';
  const byCode = SORTS.find(([pattern]) => pattern.test(reason))?.[1];
  throw refusal(byCode ?? sortOfStatus(answer.status), {
    ...{ cloud: 'Tencent', action, permission: `vpc:${action}`, reason, status: answer.status },
    said: textOf(error, 'Message') ?? '',
    retryAfterMs: retryAfterMs(answer),
  });
}
