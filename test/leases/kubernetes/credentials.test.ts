import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { decodeNetwork } from '../../../src/config/network.js';
import type { FlanError } from '../../../src/errors.js';
import { credentialsFor } from '../../../src/leases/kubernetes/choose-credentials.js';
import { apiClient } from '../../../src/leases/kubernetes/http.js';
import { openKubernetesStore } from '../../../src/leases/kubernetes/open.js';
import { makeCertificates } from '../../support/fake-kube/certs.js';
import { makeNode } from '../../support/fake-kube/objects.js';
import { type FakeKube, fakeKube, SERVICE_ACCOUNT } from '../../support/fake-kube/server.js';

let kube: FakeKube;
let dir: string;
let nowMs = 0;
const open: { close(): unknown }[] = [];
beforeEach(async () => {
  kube = await fakeKube();
  dir = await mkdtemp(path.join(tmpdir(), 'flan-kube-auth-'));
  nowMs = 1_000_000;
});
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
  await kube.close();
  await rm(dir, { recursive: true, force: true });
});

const signal = new AbortController().signal;
const file = async (name: string, content: string): Promise<string> => {
  await writeFile(path.join(dir, name), content);
  return path.join(dir, name);
};
type Settings = Partial<Parameters<typeof credentialsFor>[0]>;
async function clientWith(settings: Settings) {
  const credentials = await credentialsFor({ env: {}, nowMs: () => nowMs, ...settings });
  const client = apiClient({ credentials, timeoutMs: 5000 });
  open.push(client);
  return client;
}
async function listWith(settings: Settings) {
  const client = await clientWith(settings);
  return client.json({ method: 'GET', path: '/api/v1/nodes', needs: 'list nodes' }, signal);
}
const lastUser = () => kube.calls.at(-1)?.user;

describe('in a pod', () => {
  const inCluster = async (token = 'token-1\n') => {
    await file('token', token);
    await file('ca.crt', kube.certificates.ca);
    const { hostname, port } = new URL(kube.url);
    return { env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }, serviceAccountFolder: dir };
  };
  const get = { method: 'GET', path: '/api/v1/nodes', needs: 'list nodes' } as const;

  test('the service account is used', async () => {
    expect(await listWith(await inCluster())).toMatchObject({ kind: 'NodeList' });
    expect(lastUser()).toBe(SERVICE_ACCOUNT);
  });

  test('a rotated token is read within a minute, before the old one is refused', async () => {
    const client = await clientWith(await inCluster());
    await client.json(get, signal);
    kube.tokens.set('token-2', 'renewed');
    await file('token', 'token-2');
    nowMs += 59_000;
    await client.json(get, signal);
    expect(lastUser()).toBe(SERVICE_ACCOUNT);
    nowMs += 1000;
    await client.json(get, signal);
    expect(lastUser()).toBe('renewed');
  });

  test('a token that expired early is read again at once', async () => {
    const client = await clientWith(await inCluster());
    await client.json(get, signal);
    kube.tokens.delete('token-1');
    kube.tokens.set('token-2', 'renewed');
    await file('token', 'token-2');
    expect(await client.json(get, signal)).toMatchObject({ kind: 'NodeList' });
    expect(lastUser()).toBe('renewed');
  });

  test('a wrong token is E_STORE_AUTH, and is in no message', async () => {
    const client = await clientWith(await inCluster('secret-of-mine'));
    const error: unknown = await client.json(get, signal).catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'E_STORE_AUTH',
      message: 'GET /api/v1/nodes was refused with 401 Unauthorized: Unauthorized',
    });
    expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toContain('secret-of-mine');
  });

  test('a missing token says which file', async () => {
    const settings = await inCluster();
    await rm(path.join(dir, 'token'));
    await expect(listWith(settings)).rejects.toMatchObject({ code: 'E_STORE_AUTH', where: path.join(dir, 'token') });
  });

  test('another authority than the server’s is not trusted', async () => {
    const settings = await inCluster();
    const other = makeCertificates();
    open.push({ close: other.remove });
    await file('ca.crt', other.ca);
    await expect(listWith(settings)).rejects.toMatchObject({
      code: 'E_STORE_UNREACHABLE',
      hint: expect.stringContaining('certificate authority'),
    });
    expect(kube.calls).toEqual([]);
  });
});

describe('kubeconfig', () => {
  interface Config {
    readonly user?: object;
    readonly cluster?: object;
    readonly name?: string;
  }
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const kubeconfig = ({ user = {}, cluster = {}, name = 'config' }: Config): Promise<string> =>
    file(
      name,
      stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'main',
        clusters: [
          {
            name: 'here',
            cluster: { server: kube.url, 'certificate-authority-data': base64(kube.certificates.ca), ...cluster },
          },
          { name: 'nowhere', cluster: { server: 'https://127.0.0.1:9' } },
        ],
        users: [{ name: 'me', user }],
        contexts: [
          { name: 'main', context: { cluster: 'here', user: 'me' } },
          { name: 'other', context: { cluster: 'nowhere', user: 'me' } },
        ],
      }),
    );

  test('a token', async () => {
    const kubeconfigFile = await kubeconfig({ user: { token: 'token-1' } });
    expect(await listWith({ kubeconfigFile })).toMatchObject({ kind: 'NodeList' });
  });

  test('a token file beside it, read again when it changes', async () => {
    await file('my-token', 'token-1\n');
    const client = await clientWith({ kubeconfigFile: await kubeconfig({ user: { tokenFile: 'my-token' } }) });
    const get = () => client.json({ method: 'GET', path: '/api/v1/nodes', needs: 'list nodes' }, signal);
    await get();
    kube.tokens.delete('token-1');
    kube.tokens.set('token-9', 'renewed');
    await file('my-token', 'token-9\n');
    await get();
    expect(lastUser()).toBe('renewed');
  });

  test('a client certificate', async () => {
    const { cert, key } = kube.certificates.client('admin');
    const user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) };
    await listWith({ kubeconfigFile: await kubeconfig({ user }) });
    expect(lastUser()).toBe('admin');
  });

  test('an exec plugin is run, told what for, and asked again when its token is refused', async () => {
    const plugin = await file(
      'plugin',
      `#!/bin/sh
echo "$KUBERNETES_EXEC_INFO $1" >> ${dir}/asked
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' "$(cat ${dir}/exec-token)"
`,
    );
    await chmod(plugin, 0o755);
    await file('exec-token', 'token-1');
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: plugin,
      args: ['get-token'],
      interactiveMode: 'Never',
    };
    const client = await clientWith({ kubeconfigFile: await kubeconfig({ user: { exec } }) });
    const get = () => client.json({ method: 'GET', path: '/api/v1/nodes', needs: 'list nodes' }, signal);
    await get();
    await get();
    const asked = (await readFile(path.join(dir, 'asked'), 'utf8')).trim().split('\n');
    expect(asked).toHaveLength(1);
    expect(asked[0]).toContain('"apiVersion":"client.authentication.k8s.io/v1"');
    expect(asked[0]).toMatch(/ get-token$/);
    kube.tokens.delete('token-1');
    kube.tokens.set('token-9', 'renewed');
    await file('exec-token', 'token-9');
    await get();
    expect(lastUser()).toBe('renewed');
    expect((await readFile(path.join(dir, 'asked'), 'utf8')).trim().split('\n')).toHaveLength(2);
  });

  test('a plugin that fails: its name, and nothing it printed', async () => {
    const plugin = await file('plugin', '#!/bin/sh\necho "secret-of-mine" >&2\nexit 3\n');
    await chmod(plugin, 0o755);
    const kubeconfigFile = await kubeconfig({
      user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin } },
    });
    const error: unknown = await listWith({ kubeconfigFile }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'E_STORE_AUTH', message: expect.stringContaining(plugin) });
    expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toContain('secret-of-mine');
  });

  test('an OIDC token is used while it is good; then its provider is asked, and the secrets are not told', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const withToken = (expiresInSeconds: number): Promise<string> => {
      const exp = Math.round(Date.now() / 1000) + expiresInSeconds;
      const token = `${part({ alg: 'none' })}.${part({ exp })}.sup3rsecret`;
      kube.tokens.set(token, 'by-oidc');
      const provider = { 'idp-issuer-url': 'https://127.0.0.1:9', 'client-id': 'flan', 'client-secret': 'sup3rsecret' };
      const config = { ...provider, 'id-token': token, 'refresh-token': 'sup3rsecret' };
      return kubeconfig({ user: { 'auth-provider': { name: 'oidc', config } } });
    };
    await listWith({ kubeconfigFile: await withToken(3600) });
    expect(lastUser()).toBe('by-oidc');
    const error: unknown = await listWith({ kubeconfigFile: await withToken(-3600) }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'E_STORE_AUTH', retry: true, hint: 'Try: kubectl auth whoami' });
    expect(JSON.stringify([error, String(error), (error as FlanError).stack])).not.toContain('sup3r');
  });

  test('another context, an address that replaces the server, a context that is not there', async () => {
    const kubeconfigFile = await kubeconfig({ user: { token: 'token-1' } });
    await expect(listWith({ kubeconfigFile, context: 'other' })).rejects.toMatchObject({
      code: 'E_STORE_UNREACHABLE',
      retry: true,
    });
    const insecure = await kubeconfig({
      user: { token: 'token-1' },
      name: 'moved',
      cluster: { server: 'https://127.0.0.1:9' },
    });
    expect(await listWith({ kubeconfigFile: insecure, apiUrl: kube.url })).toMatchObject({ kind: 'NodeList' });
    await expect(listWith({ kubeconfigFile, context: 'third' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      hint: 'Its contexts are: main, other',
    });
  });

  test('KUBECONFIG names several files, the first that says something wins', async () => {
    const first = await file('first', stringify({ users: [{ name: 'me', user: { token: 'token-1' } }] }));
    const second = await kubeconfig({ user: { token: 'unknown' } });
    expect(await listWith({ env: { KUBECONFIG: `${first}:${second}` } })).toMatchObject({ kind: 'NodeList' });
  });

  test.each([
    ['users:\n- name: me\n  user: {token: "sup3rsecret\n}\nfoo: [', /unexpected end .* at line \d+, column \d+$/],
    ['users:\n- user:\n    token: sup3rsecret: x\n', /bad indentation of a mapping entry at line 3, column \d+$/],
    ['', /it is no kubeconfig$/],
    ['[sup3rsecret]', /the kubeconfig has no current-context$/],
  ])('%j is refused, and nothing of it is quoted', async (text, why) => {
    const kubeconfigFile = await file('broken', text);
    const error: unknown = await listWith({ kubeconfigFile }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'E_CONFIG', message: expect.stringMatching(why), where: kubeconfigFile });
    const { message, hint, cause } = error as FlanError;
    expect([message, hint, String(cause)].join()).not.toContain('sup3r');
  });

  test('no kubeconfig at all', async () => {
    await expect(listWith({ env: { HOME: dir } })).rejects.toMatchObject({
      code: 'E_CONFIG',
      where: path.join(dir, '.kube/config'),
    });
    await expect(listWith({ apiUrl: 'localhost:6443' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      where: 'kube-api-url',
    });
  });
});

test('a store is opened from settings alone', async () => {
  const kubeconfigFile = await file(
    'config',
    stringify({
      'current-context': 'main',
      clusters: [{ name: 'here', cluster: { server: kube.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'me', user: { token: 'token-1' } }],
      contexts: [{ name: 'main', context: { cluster: 'here', user: 'me' } }],
    }),
  );
  const annotations = {
    'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
    'flannel.alpha.coreos.com/public-ip': '192.0.2.1',
  };
  kube.nodes.put(makeNode({ name: 'node-a', podCIDRs: ['10.244.1.0/24'], annotations }));
  const identity = { node: 'host-a', nodeId: 'machine-a' };
  const store = await openKubernetesStore({
    identity,
    env: { NODE_NAME: 'node-a' },
    decodeNetwork,
    kubeconfigFile,
    netConfigPath: path.join(dir, 'none'),
  });
  open.push(store);
  expect(store.name).toBe(`kubernetes ${kube.url}`);
  expect((await store.list(signal)).leases).toMatchObject([
    { key: '10.244.1.0-24', node: 'node-a', nodeId: 'machine-a' },
  ]);
  await expect(store.network(signal)).rejects.toMatchObject({ code: 'E_NETWORK_MISSING' });
});
