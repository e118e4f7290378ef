import { createPrivateKey, sign } from 'node:crypto';
import type { Json } from '../../../model/json.js';
import { CloudError } from '../cloud-error.js';

export interface JwtInput {
  readonly claims: Readonly<Record<string, Json>>;
  /** PEM. */
  readonly privateKey: string;
  readonly keyId?: string;
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JSON Web Token with RS256. @see RFC 7515, RFC 7518 section 3.3 @throws {FlanError} E_CLOUD_AUTH */
export function signJwt({ claims, privateKey, keyId }: JwtInput): string {
  const input = `${encoded({ alg: 'RS256', typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) })}.${encoded(claims)}`;
  return `${input}.${rs256(input, privateKey)}`;
}

/** The signature of a signing input. @throws {FlanError} E_CLOUD_AUTH, which quotes nothing of the key */
export function rs256(input: string, privateKey: string): string {
  try {
    return sign('sha256', Buffer.from(input), createPrivateKey(privateKey)).toString('base64url');
  } catch {
    throw new CloudError('E_CLOUD_AUTH', 'the private key of the service account cannot be read', {
      hint: 'Make a new key for it.',
    });
  }
}
