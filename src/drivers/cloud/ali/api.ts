import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../../model/json.js';
import type { CloudEdge } from '../client.js';
import { type CloudError, type RefusalSort, refusal, sortOfStatus } from '../cloud-error.js';
import { type CredentialSource, renewing } from '../credentials.js';
import { addressOf, type HttpAnswer, retryAfterMs, send } from '../http.js';
import { parseObject, textOf, tryObject } from '../json.js';
import { API, persistently } from '../retry.js';
import { canonicalQuery, signAcs3 } from './sign.js';

export type AliApi = (
  action: string,
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<JsonObject>;

export interface AliApiInit {
  readonly edge: CloudEdge;
  readonly credentials: CredentialSource;
  readonly region: (signal: AbortSignal) => Promise<string>;
}

const TIMEOUT_MS = 10_000;
/** One write at a time in a whole VPC, whoever makes it: with many nodes a turn takes longer to come. */
const WRITING = { ...API, attempts: 9 };

/** The old regions share an address. */
const CENTRAL: ReadonlySet<string> = new Set([
  ...['cn-qingdao', 'cn-beijing', 'cn-hangzhou', 'cn-shanghai', 'cn-shenzhen', 'cn-hongkong'],
  ...['ap-southeast-1', 'us-west-1', 'us-east-1', 'cn-shanghai-finance-1', 'cn-shenzhen-finance-1'],
  ...['cn-north-2-gov-1', 'cn-beijing-finance-1', 'cn-hangzhou-finance'],
]);

/** The RPC API of Alibaba's VPC service. @see alibabacloud.com/help/en/vpc/developer-reference/api-vpc-2016-04-28-overview */
export function aliApi({ edge, credentials, region }: AliApiInit): AliApi {
  const attempt = async (action: string, parameters: Readonly<Record<string, string>>, signal: AbortSignal) => {
    const here = await region(signal);
    const usual = `https://vpc.${CENTRAL.has(here) ? '' : `${here}.`}aliyuncs.com/`;
    const what = `Alibaba ${action}`;
    const url = addressOf(edge.env.ALIBABA_CLOUD_VPC_ENDPOINT || usual, what);
    const query = canonicalQuery({ RegionId: here, ...parameters });
    const headers = signAcs3({
      ...{ action, version: '2016-04-28', host: url.host, query, nonce: randomUUID(), nowMs: edge.wallMs() },
      credentials: await credentials.get(signal),
    });
    const answer = await send(
      { what, method: 'POST', url: `${url.origin}/?${query}`, headers, timeoutMs: TIMEOUT_MS },
      signal,
    );
    if (answer.status === 200) return parseObject(answer.text, what);
    throw refusedBy(answer, action);
  };
  return (action, parameters, signal) =>
    persistently(edge, () => renewing(credentials, () => attempt(action, parameters, signal)), {
      ...(action.startsWith('Describe') ? API : WRITING),
      signal,
    });
}

/**
 * By the first words of a code: more are added to these after a dot. What is worth another try is what Alibaba's own
 * provider for Terraform tries again, resource_alicloud_route_entry.go; the spelling of the lock is Alibaba's.
 */
const SORTS: readonly (readonly [RegExp, RefusalSort])[] = [
  [
    /^(?:Throttling|TaskConflict|OperationConflict|Incorrect(?:RouteEntry|Vpc|VSwitch|Instance|HaVip)?Status|LastTokenProcessing|OperationFailed\.Dist(?:ri|i)buteLock)/,
    'throttled',
  ],
  [/^(?:ServiceUnavailable|InternalError|UnknownError|SystemBusy)/, 'broken'],
  [/^(?:Forbidden|NoPermission|NotAuthorized)/, 'denied'],
  [
    /^(?:InvalidAccessKeyId|SignatureDoesNotMatch|IncompleteSignature|InvalidSecurityToken|MissingSecurityToken|InvalidTimeStamp|SignatureNonceUsed)/,
    'credentials',
  ],
  [/^(?:QuotaExceeded|VPC_ROUTER_ENTRY_QUOTA_EXCEED|RouteEntryQuota)/, 'quota'],
  [/^(?:InvalidC(?:IDR|idr)Block\.Duplicate|RouterEntryConflict\.Duplicated)/, 'raced'],
];

/** What the API says with any status but 200. */
export function refusedBy(answer: HttpAnswer, action: string): CloudError {
  const error = tryObject(answer.text);
  const reason = textOf(error, 'Code') ?? '';
  const byCode = SORTS.find(([pattern]) => pattern.test(reason))?.[1];
  return refusal(byCode ?? sortOfStatus(answer.status), {
    ...{ cloud: 'Alibaba', action, permission: `vpc:${action}`, reason, status: answer.status },
    said: textOf(error, 'Message') ?? '',
    retryAfterMs: retryAfterMs(answer),
  });
}
