import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusedBy } from '../../../src/drivers/cloud/ali/api.js';
import { aliClient } from '../../../src/drivers/cloud/ali/client.js';
import { decodeRole } from '../../../src/drivers/cloud/ali/credentials.js';
import { parsePrefix } from '../../../src/model/ip.js';
import { cloudClientContract } from '../../contracts/cloud-client.js';
import { aliBed, FakeAli } from '../../support/fake-cloud/ali.js';
import { testEdge } from '../../support/fake-cloud/edge.js';

const never = new AbortController().signal;
const DST = parsePrefix('10.244.1.0/24');
const QUERY = { tables: ['vtb-1'], networks: [parsePrefix('10.244.0.0/16')] };

describe('ali', () => {
  cloudClientContract(aliBed);

  let fake: FakeAli;
  beforeEach(async () => {
    fake = await FakeAli.start();
  });
  afterEach(() => fake.close());
  const open = (env: Record<string, string> = {}, files: Record<string, string> = {}) =>
    aliClient({ edge: testEdge({ ...fake.env, ...env }, files), keys: undefined });

  it('waits for its turn while another route of the network is being made', async () => {
    const client = open();
    fake.add('10.244.9.0/24', 'i-b', { pending: 1 });
    const made = client.put({ table: 'vtb-1', dst: DST, target: 'i-a', standing: [] }, never);
    // Somebody looks, and so time passes in the fake.
    await client.routes(QUERY, never);
    await made;
    expect(fake.list.map(({ dst }) => dst)).toEqual(['10.244.9.0/24', DST]);
  });

  it.each([
    ['TaskConflict', 'E_CLOUD_THROTTLED'],
    ['IncorrectRouteEntryStatus', 'E_CLOUD_THROTTLED'],
    ['IncorrectVpcStatus', 'E_CLOUD_THROTTLED'],
    ['IncorrectVSwitchStatus', 'E_CLOUD_THROTTLED'],
    ['IncorrectInstanceStatus', 'E_CLOUD_THROTTLED'],
    ['IncorrectStatus.RouteTableStatus', 'E_CLOUD_THROTTLED'],
    ['OperationFailed.DistibuteLock', 'E_CLOUD_THROTTLED'],
    ['OperationFailed.InvalidNexthop', 'E_CLOUD_REFUSED'],
    ['SystemBusy', 'E_CLOUD_UNREACHABLE'],
    ['InvalidCIDRBlock.Duplicate', 'E_RACE'],
    ['RouterEntryConflict.Duplicated', 'E_RACE'],
    ['Forbidden.RAM', 'E_CLOUD_PERMISSION'],
  ])('knows what %s means', (code, expected) => {
    const text = JSON.stringify({ Code: code, Message: 'said' });
    expect(refusedBy({ status: 400, headers: {}, text }, 'CreateRouteEntry').code).toBe(expected);
  });

  it('does nothing to what is being made already', async () => {
    fake.add(DST, 'i-a', { pending: 3 });
    const client = open();
    const standing = await client.routes(QUERY, never);
    expect(standing).toMatchObject([{ state: 'pending', target: 'i-a' }]);
    await client.put({ table: 'vtb-1', dst: DST, target: 'i-a', standing }, never);
    expect(fake.calls).not.toContain('ModifyRouteEntry');
  });

  it('reads all pages', async () => {
    fake.pageSize = 2;
    for (let i = 1; i <= 5; i++) fake.add(`10.244.${i}.0/24`, 'i-b');
    expect(await open().routes(QUERY, never)).toHaveLength(5);
  });

  it('leaves alone what leads here from outside the network', async () => {
    fake.add('0.0.0.0/0', 'i-a');
    expect(await open().routes(QUERY, never)).toEqual([]);
  });

  it('takes metadata with and without tokens, and only with them where that is asked', async () => {
    fake.isHardened = false;
    await open().locate('locate', never);
    await open({ ALIBABA_CLOUD_IMDSV1_DISABLED: 'true' }).locate('locate', never);
  });

  it('tells before anything is changed what may not be done', async () => {
    fake.faults.denied.add('CreateRouteEntry');
    expect((await open().locate('probe', never)).denied).toEqual(['vpc:CreateRouteEntry']);
    expect(fake.list).toEqual([]);
  });

  describe('credentials', () => {
    const works = (env: Record<string, string>, files: Record<string, string> = {}) =>
      open(env, files)
        .locate('locate', never)
        .then(
          () => 'works',
          ({ code }: { code: string }) => code,
        );

    it('come from the environment, in the words of Alibaba or of flannel, from a file, and from a role', async () => {
      expect(await works({})).toBe('works');
      expect(await works({ ALIBABA_CLOUD_ECS_METADATA: 'flan-node' })).toBe('works');
      expect(await works({ ALIBABA_CLOUD_ECS_METADATA: 'another' })).toBe('E_CLOUD_AUTH');
      fake.key = { id: 'LTAIlong', secret: 'a-secret', session: '' };
      const own = { ALIBABA_CLOUD_ACCESS_KEY_ID: 'LTAIlong', ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'a-secret' };
      expect(await works(own)).toBe('works');
      expect(await works({ ...own, ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'wrong' })).toBe('E_CLOUD_AUTH');
      expect(await works({ ACCESS_KEY_ID: 'LTAIlong', ACCESS_KEY_SECRET: 'a-secret' })).toBe('works');
      const file = '[default]\ntype = access_key\naccess_key_id = LTAIlong\naccess_key_secret = a-secret\n';
      expect(await works({ ALIBABA_CLOUD_CREDENTIALS_FILE: '/c' }, { '/c': file })).toBe('works');
    });

    it('are missing where there is no role', async () => {
      fake.role = undefined;
      expect(await works({})).toBe('E_CLOUD_AUTH');
      expect(await works({ ALIBABA_CLOUD_ECS_METADATA_DISABLED: 'true' })).toBe('E_CLOUD_AUTH');
    });

    it('are not quoted when they cannot be read', () => {
      expect(() => decodeRole('{"AccessKeySecret": "hush', 'x')).toThrow(/^(?!.*hush).*$/);
    });
  });
});
