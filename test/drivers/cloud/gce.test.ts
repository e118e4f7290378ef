import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gceClient } from '../../../src/drivers/cloud/gce/client.js';
import { parsePrefix } from '../../../src/model/ip.js';
import { cloudClientContract } from '../../contracts/cloud-client.js';
import { testEdge } from '../../support/fake-cloud/edge.js';
import { FakeGce, gceBed } from '../../support/fake-cloud/gce.js';
import { serve } from '../../support/fake-cloud/server.js';

const never = new AbortController().signal;
const DST = parsePrefix('10.244.1.0/24');
const QUERY = { tables: ['default'], networks: [parsePrefix('10.244.0.0/16')] };
const SELF = 'europe-west1-b/node-a';
const OTHER = 'europe-west1-b/node-b';

describe('gce', () => {
  cloudClientContract(gceBed);

  let fake: FakeGce;
  beforeEach(async () => {
    fake = await FakeGce.start();
  });
  afterEach(() => fake.close());
  const open = (env: Record<string, string | undefined> = {}, files: Record<string, string> = {}) =>
    gceClient(testEdge({ ...fake.env, ...env }, files));

  describe('credentials', () => {
    const FILE = { GOOGLE_APPLICATION_CREDENTIALS: '/key.json' };

    it('are a signed claim with the key of a service account', async () => {
      const client = open(FILE, { '/key.json': fake.keyFile() });
      await client.locate('locate', never);
      expect(fake.scopes).toEqual(['https://www.googleapis.com/auth/compute']);
    });

    it('are those of gcloud', async () => {
      const user = {
        ...{ type: 'authorized_user', client_id: 'c', client_secret: 'cs', refresh_token: 'rt' },
        token_uri: `${fake.url}/token`,
      };
      const path = '/gcloud/application_default_credentials.json';
      await open({ CLOUDSDK_CONFIG: '/gcloud' }, { [path]: JSON.stringify(user) }).locate('locate', never);
      const wrong = { ...user, refresh_token: 'ended' };
      const refused = open({ CLOUDSDK_CONFIG: '/gcloud' }, { [path]: JSON.stringify(wrong) }).locate('locate', never);
      await expect(refused).rejects.toMatchObject({
        code: 'E_CLOUD_AUTH',
        message: expect.not.stringContaining('ended'),
      });
    });

    it.each([
      ['is missing', {}, 'E_CLOUD_AUTH'],
      ['is of another type', { '/key.json': '{"type":"external_account"}' }, 'E_CLOUD_AUTH'],
      ['has no key', { '/key.json': '{"type":"service_account"}' }, 'E_CLOUD_AUTH'],
      ['is no JSON', { '/key.json': '{"private_key": "hush' }, 'E_CLOUD_PROTOCOL'],
    ] as const)('are told when the file %s', async (_how, files, code) => {
      const refused = open(FILE, files).locate('locate', never);
      await expect(refused).rejects.toMatchObject({ code, message: expect.not.stringContaining('hush') });
    });
  });

  it('knows a metadata server that is none of Google', async () => {
    const router = await serve(() => ({ status: 200, body: 'Welcome' }));
    try {
      await expect(open({ GCE_METADATA_HOST: router.host }).locate('locate', never)).rejects.toMatchObject({
        code: 'E_CLOUD_UNREACHABLE',
        message: expect.stringContaining('no metadata server'),
      });
    } finally {
      await router.close();
    }
  });

  it('tells of VMs that may not forward, and of the quota', async () => {
    fake.instances.set('node-a', { ip: '192.168.10.1', canIpForward: false });
    const facts = await open().locate('probe', never);
    expect(facts.interfaces).toMatchObject([{ forwards: false }]);
    expect(facts.tables).toMatchObject([{ id: 'default', routes: 0, limit: 250 }]);
    fake.faults.denied.add('projects.get');
    expect((await open().locate('probe', never)).tables).toEqual([{ id: 'default', network: 'default', routes: 0 }]);
  });

  it('refuses a network of another project', async () => {
    fake.networkProject = 'host-project';
    await expect(open().locate('locate', never)).rejects.toMatchObject({
      code: 'E_BACKEND',
      message: expect.stringContaining('host-project'),
    });
  });

  it('reads all pages, and not what stands in nobody’s way', async () => {
    fake.pageSize = 1;
    fake.put('a', '10.244.5.0/24', OTHER);
    fake.put('later', '10.244.6.0/24', OTHER, { priority: 1001 });
    fake.put('tagged', '10.244.7.0/24', OTHER, { tags: ['web'] });
    fake.put('first', '10.244.8.0/24', OTHER, { priority: 1 });
    expect((await open().routes(QUERY, never)).map(({ dst }) => dst)).toEqual(['10.244.5.0/24', '10.244.8.0/24']);
  });

  it('makes the new route before it removes the old one, under flannel’s name and another in turns', async () => {
    const client = open();
    const put = async (target: string): Promise<void> =>
      client.put({ table: 'default', dst: DST, target, standing: await client.routes(QUERY, never) }, never);
    await put(SELF);
    await put(OTHER);
    await put(SELF);
    const [one, two] = ['flannel-10-244-1-0-24', 'flannel-10-244-1-0-24-b'];
    expect(fake.writes).toEqual([`Insert ${one}`, `Insert ${two}`, `Delete ${one}`, `Insert ${one}`, `Delete ${two}`]);
    expect(await client.routes(QUERY, never)).toMatchObject([{ id: one, target: SELF, mark: 'overlay' }]);
  });

  it('removes the others of several to one destination', async () => {
    fake.put('flannel-10-244-1-0-24', DST, SELF);
    fake.put('stale', DST, OTHER);
    const client = open();
    const standing = await client.routes(QUERY, never);
    await client.put({ table: 'default', dst: DST, target: SELF, standing }, never);
    expect(fake.writes).toEqual(['Delete stale']);
  });
});
