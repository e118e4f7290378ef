import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from '../credentials.js';

export interface SignInput {
  readonly action: string;
  readonly version: string;
  /** With the port, if it is an unusual one. */
  readonly host: string;
  /** Sorted and encoded as it is sent. */
  readonly query: string;
  readonly credentials: Credentials;
  readonly nonce: string;
  readonly nowMs: number;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The headers that make a request without a body valid. @see alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature */
export function signAcs3(input: SignInput): Readonly<Record<string, string>> {
  const { action, version, host, query, credentials, nonce, nowMs } = input;
  const headers: Readonly<Record<string, string>> = {
    host,
    'x-acs-action': action,
    'x-acs-content-sha256': sha256(''),
    'x-acs-date': new Date(nowMs).toISOString().replace(/\.\d{3}/, ''),
    ...(credentials.session && { 'x-acs-security-token': credentials.session }),
    'x-acs-signature-nonce': nonce,
    'x-acs-version': version,
  };
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join('');
  const canonical = ['POST', '/', query, lines, names.join(';'), sha256('')].join('\n');
  const toSign = `ACS3-HMAC-SHA256\n${sha256(canonical)}`;
  const signature = createHmac('sha256', credentials.secret).update(toSign).digest('hex');
  const { host: _sentByTheTransport, ...sent } = headers;
  const authorization = `ACS3-HMAC-SHA256 Credential=${credentials.id},SignedHeaders=${names.join(';')},Signature=${signature}`;
  return { ...sent, authorization };
}

/** Parameters in the order and the encoding that is signed. @see RFC 3986 */
export const canonicalQuery = (parameters: Readonly<Record<string, string>>): string =>
  Object.entries(parameters)
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&');

const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
