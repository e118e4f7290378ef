import { expect, it } from 'vitest';
import { canonicalQuery, signAcs3 } from '../../../src/drivers/cloud/ali/sign.js';

// The worked example of "V3 request structure and signature" in Alibaba's documentation.
it('ACS3-HMAC-SHA256 is what Alibaba publishes', () => {
  const { authorization } = signAcs3({
    ...{ action: 'RunInstances', version: '2014-05-26', host: 'ecs.cn-shanghai.aliyuncs.com' },
    query: canonicalQuery({ RegionId: 'cn-shanghai', ImageId: 'win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd' }),
    credentials: { id: 'YourAccessKeyId', secret: 'YourAccessKeySecret' },
    nonce: '3156853299f313e23d1673dc12e1703d',
    nowMs: Date.UTC(2023, 9, 26, 10, 22, 32),
  });
  expect(authorization).toBe(
    'ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0',
  );
});

it('a query is encoded as RFC 3986 has it', () => {
  expect(canonicalQuery({ b: "a b*c~d'(!)/", a: 'ü' })).toBe('a=%C3%BC&b=a%20b%2Ac~d%27%28%21%29%2F');
});
