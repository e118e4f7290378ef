import { createPrivateKey, generateKeyPairSync, verify } from 'node:crypto';
import { expect, it } from 'vitest';
import { rs256, signJwt } from '../../../src/drivers/cloud/gce/jwt.js';

// RFC 7515 appendix A.2: its primes, its signing input, its signature.
const P =
  '4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc';
const Q =
  'uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc';
const INPUT =
  'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';
const SIGNATURE =
  'cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw';

const numberOf = (text: string): bigint => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`);
const textOf = (value: bigint): string => {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
};
const inverse = (a: bigint, m: bigint): bigint => {
  let [r0, r1, s0, s1] = [a % m, m, 1n, 0n];
  while (r1 !== 0n) [r0, r1, s0, s1] = [r1, r0 % r1, s1, s0 - (r0 / r1) * s1];
  return ((s0 % m) + m) % m;
};

it('RS256 is what RFC 7515 publishes', () => {
  const [p, q] = [numberOf(P), numberOf(Q)];
  const d = inverse(65_537n, (p - 1n) * (q - 1n));
  const jwk = {
    ...{ kty: 'RSA', n: textOf(p * q), e: 'AQAB', d: textOf(d), p: P, q: Q },
    ...{ dp: textOf(d % (p - 1n)), dq: textOf(d % (q - 1n)), qi: textOf(inverse(q, p)) },
  };
  const pem = createPrivateKey({ key: jwk, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' }).toString();
  expect(rs256(INPUT, pem)).toBe(SIGNATURE);
});

it('a token says what it was told to, and is signed', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const [header = '', claims = '', signature = ''] = signJwt({
    claims: { iss: 'me' },
    privateKey: pem,
    keyId: 'k',
  }).split('.');
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  expect([read(header), read(claims)]).toEqual([{ alg: 'RS256', typ: 'JWT', kid: 'k' }, { iss: 'me' }]);
  expect(verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
    true,
  );
});

it('a key that cannot be read is not quoted', () => {
  const bad = '-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n';
  expect(() => rs256('x', bad)).toThrow(
    expect.objectContaining({ code: 'E_CLOUD_AUTH', message: expect.not.stringContaining('hush') }),
  );
});
