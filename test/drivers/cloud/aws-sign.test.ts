import { describe, expect, it } from 'vitest';
import { signV4 } from '../../../src/drivers/cloud/aws/sign.js';

const EXAMPLE = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

/** The test suite that AWS publishes for Signature Version 4: one time, one key, one service. */
const signature = (method: string, path: string, headers: Record<string, string> = {}, body = ''): string | undefined =>
  /Signature=(.*)$/.exec(
    signV4({
      ...{ method, body, headers, credentials: EXAMPLE, region: 'us-east-1', service: 'service' },
      url: new URL(`https://example.amazonaws.com${path}`),
      nowMs: Date.UTC(2015, 7, 30, 12, 36, 0),
    }).authorization ?? '',
  )?.[1];

describe('Signature Version 4', () => {
  it.each([
    ['get-vanilla', signature('GET', '/'), '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', signature('POST', '/'), '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-query-order-key-case',
      signature('GET', '/?Param2=value2&Param1=value1'),
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'post-x-www-form-urlencoded',
      signature('POST', '/', { 'content-type': 'application/x-www-form-urlencoded' }, 'Param1=value1'),
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
  ])('%s', (_name, made, published) => {
    expect(made).toBe(published);
  });

  it('signs the session token along, and never sends the secret', () => {
    const headers = signV4({
      ...{ method: 'POST', url: new URL('https://ec2.eu-west-1.amazonaws.com/'), headers: {}, body: '' },
      ...{ credentials: { ...EXAMPLE, session: 'a-token' }, region: 'eu-west-1', service: 'ec2', nowMs: 0 },
    });
    expect(headers['x-amz-security-token']).toBe('a-token');
    expect(headers.authorization).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
    expect(JSON.stringify(headers)).not.toContain(EXAMPLE.secret);
  });
});
