import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { awsClient } from '../../../src/drivers/cloud/aws/client.js';
import { parsePrefix } from '../../../src/model/ip.js';
import { FakeAws } from '../../support/fake-cloud/aws.js';
import { testEdge } from '../../support/fake-cloud/edge.js';

const run = promisify(execFile);
const never = new AbortController().signal;
// Debian's, whatever else is first in PATH: its packages are only there.
const PYTHON = '/usr/bin/python3';
const SCRIPT = join(import.meta.dirname, '../../support/fake-cloud/amazons-client.py');

interface Told {
  readonly interface: unknown;
  readonly table: unknown;
  readonly tables: readonly string[];
  readonly answers: readonly string[];
  readonly forms: readonly Readonly<Record<string, string>>[];
}

// Amazon's own client is the judge of both: whether the fake is like EC2, and whether our requests are what it would send.
test('Amazon’s client and ours say the same to the fake, which answers both', async (context) => {
  const isThere = await run(PYTHON, ['-c', 'import botocore']).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    expect(process.env.FLAN_REQUIRE_KERNEL, 'python3-botocore is not installed').not.toBe('1');
    process.stderr.write('SKIPPED what Amazon’s client says: python3-botocore is not installed\n');
    return context.skip('python3-botocore is not installed');
  }
  const fake = await FakeAws.start();
  try {
    const client = awsClient({ edge: testEdge(fake.env), tables: [] });
    const route = { table: 'rtb-1', dst: parsePrefix('10.244.1.0/24'), target: 'eni-0aaa' };
    await client.locate('locate', never);
    await client.put({ ...route, standing: [] }, never);
    const networks = [parsePrefix('10.244.0.0/16')];
    const standing = await client.routes({ tables: ['rtb-1', 'rtb-main'], networks }, never);
    await client.put({ ...route, standing }, never);
    await client.setForwarding?.({ kind: 'cloud-forwarding', interface: 'eni-0aaa', allowed: true }, never);
    await client.remove(standing, never);
    const ours = fake.calls.map(({ parameters }) => Object.fromEntries(parameters));

    fake.put('rtb-1', '10.244.9.0/24', 'eni-0dead');
    fake.pageSize = 1;
    const { id, secret, session } = fake.key;
    const env = { ...process.env, ENDPOINT: fake.url, KEY: id, SECRET: secret, SESSION: session };
    const told = JSON.parse((await run(PYTHON, [SCRIPT], { env })).stdout) as Told;
    expect(ours).toEqual(told.forms);
    expect(told.interface).toMatchObject({
      ...{ NetworkInterfaceId: 'eni-0aaa', SubnetId: 'subnet-1', VpcId: 'vpc-1', SourceDestCheck: false },
      PrivateIpAddresses: [{ Primary: true, PrivateIpAddress: '192.168.10.1' }],
    });
    expect(told.table).toMatchObject({
      Associations: [{ Main: false, SubnetId: 'subnet-1' }],
      Routes: [
        { GatewayId: 'local', Origin: 'CreateRouteTable', State: 'active' },
        { DestinationCidrBlock: '10.244.9.0/24', NetworkInterfaceId: 'eni-0dead', State: 'blackhole' },
      ],
    });
    expect(told.tables).toEqual(['rtb-main', 'rtb-1']);
    expect(told.answers).toEqual([
      ...['InvalidParameterValue', 'done', 'RouteAlreadyExists', 'DryRunOperation', 'done', 'done'],
      ...['InvalidRoute.NotFound', 'done'],
    ]);
  } finally {
    await fake.close();
  }
});
