import { expect, it } from 'vitest';
import { signTc3 } from '../../../src/drivers/cloud/tencent/sign.js';

// The worked example of cloud.tencent.com/document/api/213/30654, whose keys really are asterisks there.
it('TC3-HMAC-SHA256 is what Tencent publishes', () => {
  const headers = signTc3({
    ...{ action: 'DescribeInstances', service: 'cvm', host: 'cvm.tencentcloudapi.com' },
    body: '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}',
    credentials: { id: `AKID${'*'.repeat(32)}`, secret: '*'.repeat(32) },
    nowMs: 1_551_113_065_000,
  });
  expect(headers.authorization).toBe(
    `TC3-HMAC-SHA256 Credential=AKID${'*'.repeat(32)}/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host;x-tc-action, Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f`,
  );
  expect(headers['x-tc-timestamp']).toBe('1551113065');
});
