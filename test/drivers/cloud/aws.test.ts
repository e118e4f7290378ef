import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { awsClient } from '../../../src/drivers/cloud/aws/client.js';
import { awsCredentials, decodeRole } from '../../../src/drivers/cloud/aws/credentials.js';
import { awsMetadata } from '../../../src/drivers/cloud/aws/metadata.js';
import { cloudClientContract } from '../../contracts/cloud-client.js';
import { awsBed, FakeAws } from '../../support/fake-cloud/aws.js';
import { testEdge } from '../../support/fake-cloud/edge.js';
import { serve } from '../../support/fake-cloud/server.js';

const never = new AbortController().signal;

describe('aws', () => {
  cloudClientContract(awsBed);

  let fake: FakeAws;
  beforeEach(async () => {
    fake = await FakeAws.start();
  });
  afterEach(() => fake.close());

  describe('metadata', () => {
    const read = (env = fake.env) => awsMetadata(testEdge(env)).get('instance-id', never);

    it('is asked with a token first', async () => {
      expect(await read()).toBe('i-0aaa');
      expect(fake.metadataCalls).toEqual(['PUT /latest/api/token', 'GET /latest/meta-data/instance-id']);
    });

    it('is asked without one where there are none', async () => {
      fake.tokens = 'absent';
      expect(await read()).toBe('i-0aaa');
    });

    it('is asked without one where the answer does not get through the hop limit', async () => {
      fake.tokens = 'silent';
      expect(await read()).toBe('i-0aaa');
    });

    it('says what to do when tokens are required and do not get through', async () => {
      fake.tokens = 'silent';
      fake.requireTokens();
      await expect(read()).rejects.toMatchObject({
        code: 'E_CLOUD_UNREACHABLE',
        hint: expect.stringContaining('hop limit'),
      });
    });

    it('is not asked without one where that is forbidden', async () => {
      fake.tokens = 'absent';
      await expect(read({ ...fake.env, AWS_EC2_METADATA_V1_DISABLED: 'true' })).rejects.toMatchObject({
        code: 'E_CLOUD_UNREACHABLE',
      });
    });

    it('is given a new token when the old one has ended', async () => {
      const metadata = awsMetadata(testEdge(fake.env));
      await metadata.get('instance-id', never);
      fake.expireTokens();
      expect(await metadata.get('placement/region', never)).toBe('eu-central-1');
      expect(await metadata.get('no-such-thing', never)).toBeUndefined();
    });
  });

  describe('credentials', () => {
    const ask = (env: Record<string, string | undefined>, files: Record<string, string> = {}) => {
      const edge = testEdge({ ...fake.env, ...env }, files);
      return awsCredentials(edge, awsMetadata(edge), async () => 'eu-central-1').get(never);
    };
    const files = {
      '/c': '# mine\n[default]\naws_access_key_id = AKID1\naws_secret_access_key = s1\n[other]\naws_access_key_id=AKID2\naws_secret_access_key=s2\naws_session_token=t2\n',
      '/g': '[profile sso]\nsso_session = corp\n[profile other]\nregion = x\n',
    };
    const FILES = { AWS_SHARED_CREDENTIALS_FILE: '/c', AWS_CONFIG_FILE: '/g' };

    it('come from the environment first', async () => {
      const env = { AWS_ACCESS_KEY_ID: 'AKID0', AWS_SECRET_ACCESS_KEY: 's0', AWS_SESSION_TOKEN: 't0', ...FILES };
      expect(await ask(env, files)).toEqual({ id: 'AKID0', secret: 's0', session: 't0' });
    });

    it('come from the files of a profile', async () => {
      expect(await ask(FILES, files)).toMatchObject({ id: 'AKID1', secret: 's1' });
      expect(await ask({ ...FILES, AWS_PROFILE: 'other' }, files)).toEqual({
        id: 'AKID2',
        secret: 's2',
        session: 't2',
      });
    });

    it('are refused from a profile that takes a tool to follow', async () => {
      await expect(ask({ ...FILES, AWS_PROFILE: 'sso' }, files)).rejects.toMatchObject({
        code: 'E_CLOUD_AUTH',
        message: expect.stringContaining('sso_session'),
      });
      await expect(ask({ ...FILES, AWS_PROFILE: 'nobody' }, files)).rejects.toMatchObject({ code: 'E_CLOUD_AUTH' });
    });

    it('come from the role of the instance last', async () => {
      expect(await ask({})).toMatchObject(fake.key);
      fake.role = undefined;
      await expect(ask({})).rejects.toMatchObject({ code: 'E_CLOUD_AUTH', hint: expect.stringContaining('role') });
    });

    it('come from the agent of a container, with its token', async () => {
      const given = { AccessKeyId: 'AKID3', SecretAccessKey: 's3', Token: 't3', Expiration: '2999-01-01T00:00:00Z' };
      const agent = await serve(({ headers }) =>
        headers.authorization === 'the-token' ? { status: 200, body: JSON.stringify(given) } : { status: 401 },
      );
      try {
        const env = {
          AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}/x`,
          AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/t',
        };
        expect(await ask(env, { '/t': 'the-token\n' })).toMatchObject({ id: 'AKID3', session: 't3' });
        await expect(ask({ ...env, AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://example.com/' })).rejects.toMatchObject({
          code: 'E_CLOUD_AUTH',
        });
      } finally {
        await agent.close();
      }
    });

    it('come from the token of a service account', async () => {
      const sts = await serve(({ body }) => {
        const sent = new URLSearchParams(body);
        if (sent.get('WebIdentityToken') !== 'jwt' || sent.get('RoleArn') !== 'arn:aws:iam::1:role/r') {
          return {
            status: 400,
            body: '<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>',
          };
        }
        return {
          status: 200,
          body: '<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKID4</AccessKeyId><SecretAccessKey>s4</SecretAccessKey><SessionToken>t4</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>',
        };
      });
      try {
        const env = {
          AWS_ENDPOINT_URL_STS: sts.url,
          AWS_WEB_IDENTITY_TOKEN_FILE: '/jwt',
          AWS_ROLE_ARN: 'arn:aws:iam::1:role/r',
        };
        expect(await ask(env, { '/jwt': 'jwt' })).toMatchObject({ id: 'AKID4', secret: 's4', session: 't4' });
        await expect(ask(env, { '/jwt': 'another' })).rejects.toMatchObject({ code: 'E_CLOUD_AUTH' });
      } finally {
        await sts.close();
      }
    });

    it('are not quoted when they cannot be read', () => {
      expect(() => decodeRole('{"SecretAccessKey": "hush', 'x')).toThrow(/^(?!.*hush).*$/);
    });

    it('are asked for anew when they are refused', async () => {
      const client = awsClient({ edge: testEdge(fake.env), tables: [] });
      await client.locate('locate', never);
      fake.key = { ...fake.key, id: 'ASIANEW', secret: 'new', session: 'newer' };
      await client.locate('locate', never);
    });
  });

  it('tells before anything is changed what may not be done', async () => {
    fake.faults.denied.add('ReplaceRoute').add('ModifyNetworkInterfaceAttribute');
    const { denied } = await awsClient({ edge: testEdge(fake.env), tables: [] }).locate('probe', never);
    expect(denied).toEqual(['ec2:ReplaceRoute', 'ec2:ModifyNetworkInterfaceAttribute']);
    expect(fake.writes()).toEqual([]);
  });

  it('reads all pages of route tables', async () => {
    fake.pageSize = 1;
    const { tables, interfaces } = await awsClient({ edge: testEdge(fake.env), tables: [] }).locate('locate', never);
    expect(tables.map(({ id }) => id)).toEqual(['rtb-main', 'rtb-1']);
    expect(interfaces).toMatchObject([{ networkPrefixes: ['192.168.0.0/16', '100.64.0.0/16'], forwards: false }]);
  });

  it('takes the main table where the subnet has none', async () => {
    fake.tables.delete('rtb-1');
    const { interfaces } = await awsClient({ edge: testEdge(fake.env), tables: [] }).locate('locate', never);
    expect(interfaces).toMatchObject([{ table: 'rtb-main' }]);
  });

  it('switches the check of sources and destinations off', async () => {
    const client = awsClient({ edge: testEdge(fake.env), tables: [] });
    await client.setForwarding?.({ kind: 'cloud-forwarding', interface: 'eni-0aaa', allowed: true }, never);
    expect((await client.locate('locate', never)).interfaces).toMatchObject([{ forwards: true }]);
  });
});
