import { describe, expect, it } from 'vitest';
import { gceClient } from '../../../src/drivers/cloud/gce/client.js';
import { allPages } from '../../../src/drivers/cloud/pages.js';
import { tencentClient } from '../../../src/drivers/cloud/tencent/client.js';
import { parsePrefix } from '../../../src/model/ip.js';
import { testEdge } from '../../support/fake-cloud/edge.js';
import { serve } from '../../support/fake-cloud/server.js';

const never = new AbortController().signal;
const ENDLESS = { code: 'E_CLOUD_PROTOCOL', message: expect.stringContaining('its pages have no end') };

describe('pages', () => {
  it('are read until there is no further one', async () => {
    const asked: (string | undefined)[] = [];
    await allPages('test', async (token) => {
      asked.push(token);
      return ['b', 'c', undefined][asked.length - 1];
    });
    expect(asked).toEqual([undefined, 'b', 'c']);
  });

  it.each([
    ['turn in a circle', (n: number) => ['a', 'b', 'c'][n % 3]],
    ['go on and on', String],
  ])('that %s are given up', async (_, next) => {
    let n = 0;
    await expect(allPages('test', async () => next(n++))).rejects.toMatchObject(ENDLESS);
    expect(n).toBeLessThan(2000);
  });

  it('of GCE may turn in a circle', async () => {
    const server = await serve(({ url }) => ({
      status: 200,
      headers: { 'metadata-flavor': 'Google' },
      body: url.pathname.endsWith('/routes')
        ? '{"nextPageToken":"again"}'
        : url.pathname.endsWith('/token')
          ? '{"access_token":"t","expires_in":3600}'
          : 'some/value',
    }));
    const edge = testEdge({
      ...{ GCE_METADATA_HOST: server.host, CLOUDSDK_CONFIG: '/nonexistent' },
      CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: server.url,
    });
    const query = { tables: ['default'], networks: [parsePrefix('10.244.0.0/16')] };
    await expect(gceClient(edge).routes(query, never)).rejects.toMatchObject(ENDLESS);
    await server.close();
  });

  it('of Tencent may be promised for ever', async () => {
    const server = await serve(({ method, url }) => ({
      status: 200,
      body:
        method === 'POST'
          ? '{"Response":{"TotalCount":1e300,"RouteTableSet":[]}}'
          : url.pathname.endsWith('/macs/')
            ? 'aa/'
            : '192.168.10.1',
    }));
    const edge = testEdge({ TENCENTCLOUD_METADATA_ENDPOINT: server.url, TENCENTCLOUD_VPC_ENDPOINT: server.url });
    const client = tencentClient({ edge, keys: { id: 'AK', secret: 's' } });
    await expect(client.locate('locate', never)).rejects.toMatchObject(ENDLESS);
    await server.close();
  });
});
