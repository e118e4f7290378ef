import { describe, expect, it } from 'vitest';
import { refusedBy as aliRefused } from '../../../src/drivers/cloud/ali/api.js';
import { refusedBy as ec2Refused } from '../../../src/drivers/cloud/aws/query.js';
import { CloudError } from '../../../src/drivers/cloud/cloud-error.js';
import { refusedBy as gceRefused } from '../../../src/drivers/cloud/gce/api.js';

const MESSAGE = '\u001b[31mno\r\nway \u202e';
const CLOUDS = {
  'aws-vpc': (code: string) =>
    ec2Refused(
      {
        status: 403,
        headers: {},
        text: `<Response><Errors><Error><Code>${code}</Code><Message>${MESSAGE}</Message></Error></Errors></Response>`,
      },
      'CreateRoute',
    ),
  gce: (code: string) =>
    gceRefused(
      {
        status: 400,
        headers: {},
        text: JSON.stringify({ error: { message: MESSAGE, errors: [{ reason: code }] } }),
      },
      'compute.routes.create',
    ),
  'ali-vpc': (code: string) =>
    aliRefused(
      { status: 400, headers: {}, text: JSON.stringify({ Code: code, Message: MESSAGE }) },
      'CreateRouteEntry',
    ),
};

describe.each(Object.entries(CLOUDS))('what %s refuses', (_, refused) => {
  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('with the reason %s is an error', (code) => {
    const error = refused(code);
    expect(error).toBeInstanceOf(CloudError);
    expect(error).toMatchObject({ code: 'E_CLOUD_REFUSED' });
  });

  it('is told in one line, whatever is in it', () => {
    const { message } = refused('x'.repeat(10_000));
    expect(message).toContain('no way');
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(message.length).toBeLessThan(500);
  });
});
