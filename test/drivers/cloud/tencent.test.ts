import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tencentClient } from '../../../src/drivers/cloud/tencent/client.js';
import { decodeRole } from '../../../src/drivers/cloud/tencent/credentials.js';
import { parsePrefix } from '../../../src/model/ip.js';
import { cloudClientContract } from '../../contracts/cloud-client.js';
import { testEdge } from '../../support/fake-cloud/edge.js';
import { FakeTencent, tencentBed } from '../../support/fake-cloud/tencent.js';

const never = new AbortController().signal;
const DST = parsePrefix('10.244.1.0/24');
const QUERY = { tables: ['rtb-1'], networks: [parsePrefix('10.244.0.0/16')] };
const [SELF, OTHER] = ['192.168.10.1', '192.168.10.2'];
const CVM = { dst: DST, type: 'NORMAL_CVM', enabled: true, description: '' };

describe('tencent', () => {
  cloudClientContract(tencentBed);

  let fake: FakeTencent;
  beforeEach(async () => {
    fake = await FakeTencent.start();
  });
  afterEach(() => fake.close());
  const open = (env: Record<string, string> = {}, files: Record<string, string> = {}) =>
    tencentClient({ edge: testEdge({ ...fake.env, ...env }, files), keys: undefined });

  it('leaves one of several routes to a destination, and that one ours', async () => {
    fake.add('rtb-1', { ...CVM, gateway: OTHER });
    fake.add('rtb-1', { ...CVM, gateway: '192.168.10.77' });
    const client = open();
    const put = async (): Promise<void> =>
      client.put({ table: 'rtb-1', dst: DST, target: SELF, standing: await client.routes(QUERY, never) }, never);
    await put();
    expect(fake.routes()).toEqual([`${DST} ${SELF}`]);
    expect(fake.calls.filter((action) => !action.startsWith('Describe'))).toEqual(['ReplaceRoutes', 'DeleteRoutes']);
    expect(await client.routes(QUERY, never)).toMatchObject([{ target: SELF, mark: 'overlay' }]);
    fake.add('rtb-1', { ...CVM, gateway: OTHER });
    await put();
    expect(fake.routes()).toEqual([`${DST} ${SELF}`]);
  });

  it('switches on what was switched off', async () => {
    fake.add('rtb-1', { ...CVM, gateway: SELF, enabled: false });
    const client = open();
    const standing = await client.routes(QUERY, never);
    expect(standing).toMatchObject([{ state: 'disabled' }]);
    await client.put({ table: 'rtb-1', dst: DST, target: SELF, standing }, never);
    expect(await client.routes(QUERY, never)).toMatchObject([{ state: 'active' }]);
  });

  it('takes no gateway for an instance', async () => {
    fake.add('rtb-1', { ...CVM, gateway: 'nat-1', type: 'NAT' });
    expect(await open().routes(QUERY, never)).toMatchObject([{ target: undefined }]);
  });

  it('reads all pages of route tables', async () => {
    for (let i = 0; i < 150; i++) fake.tables.set(`x-${i}`, { id: `x-${i}`, isMain: false, subnets: [], routes: [] });
    const moved = fake.tables.get('rtb-1');
    fake.tables.delete('rtb-1');
    if (moved !== undefined) fake.tables.set('rtb-1', moved);
    const facts = await open().locate('locate', never);
    expect(facts.tables).toHaveLength(152);
    expect(facts.interfaces).toMatchObject([{ table: 'rtb-1' }]);
  });

  it('takes the main table where the subnet has none', async () => {
    fake.tables.delete('rtb-1');
    expect((await open().locate('locate', never)).interfaces).toMatchObject([{ table: 'rtb-main' }]);
  });

  describe('credentials', () => {
    const works = (env: Record<string, string>, files: Record<string, string> = {}) =>
      open(env, files)
        .locate('locate', never)
        .then(
          () => 'works',
          ({ code }: { code: string }) => code,
        );

    it('come from the environment, in the words of Tencent or of flannel, and before the role', async () => {
      const { id, secret, session } = fake.key;
      const own = { TENCENTCLOUD_SECRET_ID: id, TENCENTCLOUD_SECRET_KEY: secret, TENCENTCLOUD_SESSION_TOKEN: session };
      expect(await works(own)).toBe('works');
      expect(await works({ ...own, TENCENTCLOUD_SECRET_KEY: 'wrong' })).toBe('E_CLOUD_AUTH');
      fake.key = { id: 'AKIDlong', secret: 'a-secret', session: '' };
      expect(await works({ ACCESS_KEY_ID: 'AKIDlong', ACCESS_KEY_SECRET: 'a-secret' })).toBe('works');
      const file = {
        '/home/somebody/.tencentcloud/credentials': '[default]\nsecret_id = AKIDlong\nsecret_key = a-secret\n',
      };
      expect(await works({}, file)).toBe('works');
    });

    it('come from the network config first', async () => {
      fake.key = { id: 'AKIDconfig', secret: 'of-config', session: '' };
      const edge = testEdge({ ...fake.env, ACCESS_KEY_ID: 'x', ACCESS_KEY_SECRET: 'y' });
      await tencentClient({ edge, keys: { id: 'AKIDconfig', secret: 'of-config' } }).locate('locate', never);
    });

    it('are missing where there is no role', async () => {
      fake.role = undefined;
      expect(await works({})).toBe('E_CLOUD_AUTH');
    });

    it('are not quoted when they cannot be read', () => {
      expect(() => decodeRole('{"TmpSecretKey": "hush', 'x')).toThrow(/^(?!.*hush).*$/);
    });
  });
});
