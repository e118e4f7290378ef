import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactor } from '../../src/report/redact.js';

const GONE = '(redacted)';

describe('redactor', () => {
  it('leaves nothing of a known secret, in whatever form it is written', () => {
    const word = fc.string({ minLength: 6, maxLength: 40, unit: 'binary' }).filter((text) => !GONE.includes(text));
    fc.assert(
      fc.property(word, fc.string(), fc.string(), (secret, before, after) => {
        const bytes = Buffer.from(secret);
        const forms = [
          ...[secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)],
          ...[
            bytes.toString('base64'),
            bytes.toString('base64url'),
            bytes.toString('hex'),
            bytes.toString('hex').toUpperCase(),
          ],
        ];
        const clean = redactor([secret]);
        for (const form of forms) {
          // A base64 text may end in padding, which says nothing.
          expect(clean(`${before} ${form} ${after}`)).not.toContain(form.replace(/=+$/, ''));
        }
      }),
    );
  });

  it('knows a key in base64 in hexadecimal too', () => {
    const key = Buffer.alloc(32, 0xa7);
    const clean = redactor([key.toString('base64')]);
    expect(clean(`private_key=${key.toString('hex')}`)).not.toContain('a7a7');
    expect(clean(`dump ${key.toString('base64')} 51820`)).toBe(`dump ${GONE} 51820`);
  });

  it('takes away what looks like a secret though nobody knows it', () => {
    const clean = redactor([]);
    const table: readonly (readonly [string, string])[] = [
      ['etcdPassword: hunter2', `etcdPassword: "${GONE}"`],
      ['{"PSK":"c2VjcmV0"}', `{"PSK":"${GONE}"}`],
      [`{"token": 'a b', "x": 1}`, `{"token": "${GONE}", "x": 1}`],
      ['FLAN_ETCD_PASSWORD=hunter2 next', `FLAN_ETCD_PASSWORD="${GONE}" next`],
      ['--etcd-password hunter2 --etcd-username me', `--etcd-password ${GONE} --etcd-username me`],
      ['https://me:hunter2@10.0.0.1:2379/x', `https://${GONE}@10.0.0.1:2379/x`],
      ['Authorization: Bearer abcdefgh', `Authorization: ${GONE}`],
      ['sent bearer abcdefghij', `sent bearer ${GONE}`],
      ['got eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl here', `got ${GONE} here`],
      ['-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\nafter', `${GONE}\nafter`],
      ['"-----BEGIN PRIVATE KEY-----\\nMHcC', `"${GONE}`.slice(0, 1) + GONE],
    ];
    for (const [text, expected] of table) expect(clean(text)).toBe(expected);
  });

  it('leaves the rest as it is', () => {
    const clean = redactor(['ab', '']);
    for (const text of [
      'etcdPasswordFile: /etc/flan/password',
      '{"token":null,"secret":{"a":1},"psk":[1],"password":true}',
      'route 10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70',
      'https://10.0.0.1:2379/health@x',
      'cab',
    ]) {
      expect(clean(text)).toBe(text);
    }
  });

  it('gets through long words as through short ones', () => {
    const clean = redactor(['hunter2']);
    for (const word of ['a', 'token', 'eyJ', 'a-', 'a.', 'token-']) {
      const long = word.repeat(300_000 / word.length);
      expect(clean(`${long} password=x`)).toBe(`${long} password="${GONE}"`);
    }
  });

  it('keeps JSON readable', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.string({ minLength: 3 }).filter((s) => /^[\w-]+$/.test(s) && /[g-z]/i.test(s)),
        (json, secret) => {
          const text = JSON.stringify({ password: secret, inner: json, note: `was ${secret}` });
          expect(() => JSON.parse(redactor([])(text))).not.toThrow();
        },
      ),
    );
  });
});
