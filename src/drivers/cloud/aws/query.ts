import { asFlanError } from '../../../errors.js';
import type { CloudEdge } from '../client.js';
import { type CloudError, malformed, type RefusalSort, refusal, sortOfStatus } from '../cloud-error.js';
import { type CredentialSource, renewing } from '../credentials.js';
import { addressOf, type HttpAnswer, retryAfterMs, send } from '../http.js';
import { API, persistently } from '../retry.js';
import { signV4 } from './sign.js';
import { parseXml, textAt, type XmlElement } from './xml.js';

export type Parameters = Readonly<Record<string, string>>;
export type Ec2Call = (action: string, parameters: Parameters, signal: AbortSignal) => Promise<XmlElement>;

export interface Ec2Init {
  readonly edge: CloudEdge;
  readonly credentials: CredentialSource;
  readonly region: () => Promise<string>;
}

const TIMEOUT_MS = 10_000;

/** EC2's Query API: a form in, XML out. @see docs.aws.amazon.com/AWSEC2/latest/APIReference */
export function ec2Query({ edge, credentials, region }: Ec2Init): Ec2Call {
  const attempt = async (action: string, parameters: Parameters, signal: AbortSignal): Promise<XmlElement> => {
    const where = await region();
    const what = `EC2 ${action}`;
    const set = edge.env.AWS_ENDPOINT_URL_EC2 || edge.env.AWS_ENDPOINT_URL;
    const url = addressOf(set || endpointOf(where), what);
    const body = new URLSearchParams({ Action: action, Version: '2016-11-15', ...parameters }).toString();
    const headers = signV4({
      ...{ method: 'POST', url, body, region: where, service: 'ec2', nowMs: edge.wallMs() },
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      credentials: await credentials.get(signal),
    });
    const answer = await send({ what, method: 'POST', url: url.href, headers, body, timeoutMs: TIMEOUT_MS }, signal);
    if (answer.status === 200) return rootOf(answer, what);
    throw refusedBy(answer, action);
  };
  return (action, parameters, signal) =>
    persistently(edge, () => renewing(credentials, () => attempt(action, parameters, signal)), { ...API, signal });
}

const endpointOf = (region: string): string =>
  `https://ec2.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`;

function rootOf({ text }: HttpAnswer, what: string): XmlElement {
  try {
    return parseXml(text);
  } catch (cause) {
    throw malformed(what, asFlanError(cause).message, cause);
  }
}

const SORTS = new Map<string, RefusalSort>(
  Object.entries({
    RouteAlreadyExists: 'raced',
    RequestLimitExceeded: 'throttled',
    Throttling: 'throttled',
    ThrottlingException: 'throttled',
    UnauthorizedOperation: 'denied',
    AccessDenied: 'denied',
    AuthFailure: 'credentials',
    ExpiredToken: 'credentials',
    InvalidClientTokenId: 'credentials',
    RequestExpired: 'credentials',
    SignatureDoesNotMatch: 'credentials',
    UnrecognizedClientException: 'credentials',
    RouteLimitExceeded: 'quota',
    // Right after an instance has started not all of EC2 knows of it.
    'InvalidInstanceID.NotFound': 'broken',
  }),
);

/** What EC2 says with any status but 200. @see …/APIReference/errors-overview.html */
export function refusedBy(answer: HttpAnswer, action: string): CloudError {
  let root: XmlElement | undefined;
  try {
    root = parseXml(answer.text);
  } catch {
    // A proxy or a load balancer speaks: the status has to do.
  }
  const reason = textAt(root, 'Errors', 'Error', 'Code') ?? '';
  const sort = SORTS.get(reason) ?? sortOfStatus(answer.status);
  return refusal(sort, {
    ...{ cloud: 'EC2', action, permission: `ec2:${action}`, reason, status: answer.status },
    said: textAt(root, 'Errors', 'Error', 'Message') ?? '',
    retryAfterMs: retryAfterMs(answer),
  });
}
