import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from '../credentials.js';

export interface SignInput {
  readonly method: string;
  /** Path and query as they are sent. */
  readonly url: URL;
  /** Those that are to be signed besides `host` and the date. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly credentials: Credentials;
  readonly region: string;
  readonly service: string;
  readonly nowMs: number;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * The headers that make a request valid.
 * @see docs.aws.amazon.com, "Create a signed AWS API request" (Signature Version 4)
 */
export function signV4(input: SignInput): Readonly<Record<string, string>> {
  const { method, url, body, credentials, region, service, nowMs } = input;
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const date = time.slice(0, 8);
  const added = {
    ...input.headers,
    'x-amz-date': time,
    ...(credentials.session && { 'x-amz-security-token': credentials.session }),
  };
  const signed = Object.entries({ ...added, host: url.host })
    .map(([name, value]) => [name.toLowerCase(), value.trim().replace(/ +/g, ' ')] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(';');
  const lines = signed.map(([name, value]) => `${name}:${value}\n`).join('');
  const query = url.search.slice(1).split('&').sort().join('&');
  const canonical = [method, url.pathname, query, lines, names, sha256(body)].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${credentials.secret}`, date));
  const signature = hmac(key, toSign).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.id}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...added, authorization };
}
