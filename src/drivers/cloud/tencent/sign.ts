import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from '../credentials.js';

export interface SignInput {
  readonly action: string;
  readonly service: string;
  /** Without the port. */
  readonly host: string;
  readonly body: string;
  readonly credentials: Credentials;
  readonly nowMs: number;
}

const CONTENT_TYPE = 'application/json; charset=utf-8';
const SIGNED = 'content-type;host;x-tc-action';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The headers that make a request valid. @see cloud.tencent.com/document/api/213/30654 (TC3-HMAC-SHA256) */
export function signTc3({
  action,
  service,
  host,
  body,
  credentials,
  nowMs,
}: SignInput): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const date = new Date(nowMs).toISOString().slice(0, 10);
  const lines = `content-type:${CONTENT_TYPE}\nhost:${host}\nx-tc-action:${action.toLowerCase()}\n`;
  const canonical = ['POST', '/', '', lines, SIGNED, sha256(body)].join('\n');
  const scope = `${date}/${service}/tc3_request`;
  const toSign = ['TC3-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n');
  const key = hmac(hmac(hmac(`TC3${credentials.secret}`, date), service), 'tc3_request');
  const signature = hmac(key, toSign).toString('hex');
  return {
    'content-type': CONTENT_TYPE,
    'x-tc-action': action,
    'x-tc-timestamp': timestamp,
    ...(credentials.session && { 'x-tc-token': credentials.session }),
    authorization: `TC3-HMAC-SHA256 Credential=${credentials.id}/${scope}, SignedHeaders=${SIGNED}, Signature=${signature}`,
  };
}
