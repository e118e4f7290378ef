import { createPublicKey, generateKeyPairSync, randomUUID, verify } from 'node:crypto';
import type { CloudBed } from './bed.js';
import { type Answer, type Arrived, type FakeServer, Faults, Lagging, serve } from './server.js';

interface GceRoute {
  readonly name: string;
  readonly dst: string;
  /** Below `projects/PROJECT`. */
  readonly hop: string;
  readonly priority: number;
  readonly tags: readonly string[];
}

interface Operation {
  readonly name: string;
  looks: number;
  readonly act: () => { code: string; message: string; status: number } | undefined;
  result: { code: string; message: string; status: number } | undefined;
}

const PROJECT = 'my-project';
const API = 'https://www.googleapis.com/compute/v1';
const ACTIONS: Readonly<Record<string, string>> = { POST: 'routes.create', DELETE: 'routes.delete' };

/** Compute Engine, its metadata server and Google's token endpoint, as far as routes go. */
export class FakeGce {
  readonly faults = new Faults();
  readonly routes = new Map<string, GceRoute>();
  readonly instances = new Map([
    ['node-a', { ip: '192.168.10.1', canIpForward: true }],
    ['node-b', { ip: '192.168.10.2', canIpForward: true }],
  ]);
  readonly writes: string[] = [];
  /** Scopes of the tokens that were asked for with a key. */
  readonly scopes: string[] = [];
  networkProject = PROJECT;
  quota = 250;
  pageSize = 500;
  /** How often an operation is asked after before it is done. */
  looks = 2;
  token = `ya29.${randomUUID()}`;
  readonly key = generateKeyPairSync('rsa', { modulusLength: 2048 });
  readonly #operations = new Map<string, Operation>();
  readonly #requests = new Map<string, string>();
  readonly #lag = new Lagging<Map<string, GceRoute>>(this.faults);
  #server: FakeServer | undefined;

  static async start(): Promise<FakeGce> {
    const fake = new FakeGce();
    fake.#server = await serve((arrived) => fake.#answer(arrived));
    return fake;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  get env(): Record<string, string | undefined> {
    return {
      GCE_METADATA_HOST: this.#server?.host,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: `${this.url}/compute/v1/`,
      CLOUDSDK_CONFIG: '/nonexistent',
      GOOGLE_APPLICATION_CREDENTIALS: undefined,
    };
  }

  /** The file that a service account's key comes in. */
  keyFile(): string {
    return JSON.stringify({
      ...{ type: 'service_account', project_id: PROJECT, private_key_id: 'k1', token_uri: `${this.url}/token` },
      client_email: `flan@${PROJECT}.iam.gserviceaccount.com`,
      private_key: this.key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    });
  }

  put(name: string, dst: string, target: string, rest: Partial<GceRoute> = {}): void {
    const hop = `zones/${target.replace('/', '/instances/')}`;
    this.routes.set(name, { name, dst, hop, priority: 1000, tags: [], ...rest });
  }

  close(): Promise<void> {
    return this.#server?.close() ?? Promise.resolve();
  }

  #answer(arrived: Arrived): Answer | undefined {
    const { pathname } = arrived.url;
    if (pathname.startsWith('/computeMetadata/v1/')) return this.#metadata(arrived);
    if (pathname === '/token') return this.#exchange(arrived);
    const base = `/compute/v1/projects/${PROJECT}`;
    if (!pathname.startsWith(base)) return error(404, 'notFound', `no ${pathname}`);
    return this.#api(arrived, pathname.slice(base.length + 1));
  }

  #metadata({ url, headers }: Arrived): Answer {
    const google = { 'metadata-flavor': 'Google' };
    if (headers['metadata-flavor'] !== 'Google') return { status: 403 };
    const values: Readonly<Record<string, string>> = {
      'project/project-id': PROJECT,
      'instance/name': 'node-a',
      'instance/zone': 'projects/42/zones/europe-west1-b',
      'instance/service-accounts/default/token': tokenAnswer(this.token),
    };
    const found = values[url.pathname.replace('/computeMetadata/v1/', '')];
    return found === undefined ? { status: 404, headers: google } : { status: 200, body: found, headers: google };
  }

  /** RFC 7523: a token for a signed claim. */
  #exchange({ body }: Arrived): Answer {
    const form = new URLSearchParams(body);
    if (form.get('grant_type') === 'refresh_token') {
      const isRight = form.get('client_secret') === 'cs' && form.get('refresh_token') === 'rt';
      return isRight
        ? { status: 200, body: tokenAnswer(this.token) }
        : { status: 400, body: '{"error":"invalid_grant"}' };
    }
    const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    const isSigned = verify(
      'sha256',
      Buffer.from(`${header}.${claims}`),
      createPublicKey(this.key.publicKey.export({ type: 'spki', format: 'pem' })),
      Buffer.from(signature, 'base64url'),
    );
    const said = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
    const nowSeconds = Date.now() / 1000;
    const isNow =
      Number(said.iat) <= nowSeconds + 60 &&
      Number(said.exp) > nowSeconds &&
      Number(said.exp) <= Number(said.iat) + 3600;
    if (
      !isSigned ||
      !isNow ||
      said.aud !== `${this.url}/token` ||
      form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    ) {
      return { status: 400, body: '{"error":"invalid_grant","error_description":"Invalid JWT Signature."}' };
    }
    this.scopes.push(String(said.scope));
    return { status: 200, body: tokenAnswer(this.token) };
  }

  #api({ method, headers, url, body }: Arrived, path: string): Answer {
    if (headers.authorization !== `Bearer ${this.token}`) return error(401, 'authError', 'Invalid Credentials');
    const permission = path.startsWith('global/routes')
      ? (ACTIONS[method] ?? 'routes.list')
      : path.startsWith('zones/')
        ? 'instances.get'
        : path === ''
          ? 'projects.get'
          : 'globalOperations.get';
    if (this.faults.take(this.faults.throttled, permission))
      return error(403, 'rateLimitExceeded', 'Rate Limit Exceeded');
    if (this.faults.take(this.faults.broken, permission)) return error(503, 'backendError', 'Backend Error');
    if (this.faults.denied.has(permission)) {
      return error(403, 'forbidden', `Required 'compute.${permission}' permission for 'projects/${PROJECT}'`);
    }
    if (path === '') {
      return json({
        kind: 'compute#project',
        quotas: [{ metric: 'ROUTES', limit: this.quota, usage: this.routes.size }],
      });
    }
    if (path === 'zones/europe-west1-b/instances/node-a') return this.#instance('node-a');
    if (path.startsWith('global/operations/')) return this.#operation(path.slice('global/operations/'.length));
    if (method === 'GET' && path === 'global/routes') return this.#list(url.searchParams);
    if (method === 'POST' && path === 'global/routes')
      return this.#insert(JSON.parse(body) as Record<string, unknown>, url.searchParams);
    if (method === 'DELETE' && path.startsWith('global/routes/'))
      return this.#delete(path.slice('global/routes/'.length), url.searchParams);
    return error(404, 'notFound', `The resource '${path}' was not found`);
  }

  #instance(name: string): Answer {
    const found = this.instances.get(name);
    return json({
      ...{ kind: 'compute#instance', name, canIpForward: found?.canIpForward, status: 'RUNNING' },
      selfLink: `${API}/projects/${PROJECT}/zones/europe-west1-b/instances/${name}`,
      networkInterfaces: [
        {
          name: 'nic0',
          networkIP: found?.ip,
          network: `${API}/projects/${this.networkProject}/global/networks/default`,
        },
      ],
    });
  }

  #list(query: URLSearchParams): Answer {
    const all = [...this.#lag.read(this.routes).values()];
    const from = Number(query.get('pageToken')?.replace('t', '') ?? 0);
    const size = Math.min(Number(query.get('maxResults') ?? 500), this.pageSize);
    const items = all.slice(from, from + size).map(({ name, dst, hop, priority, tags }) => ({
      ...{ kind: 'compute#route', name, destRange: dst, priority, tags },
      network: `${API}/projects/${PROJECT}/global/networks/default`,
      nextHopInstance: `${API}/projects/${PROJECT}/${hop}`,
      ...(this.instances.has(hop.slice(hop.lastIndexOf('/') + 1))
        ? {}
        : { warnings: [{ code: 'NEXT_HOP_INSTANCE_NOT_FOUND' }] }),
    }));
    return json({
      kind: 'compute#routeList',
      ...(items.length > 0 && { items }),
      ...(from + size < all.length && { nextPageToken: `t${from + size}` }),
    });
  }

  #insert(asked: Record<string, unknown>, query: URLSearchParams): Answer {
    const known = this.#requests.get(query.get('requestId') ?? '');
    if (known !== undefined) return this.#operation(known);
    const { name, destRange, nextHopInstance, priority, network } = asked;
    if (typeof name !== 'string' || !/^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
      return error(400, 'invalid', `Invalid value for field 'resource.name': '${name}'`);
    if (network !== `projects/${PROJECT}/global/networks/default`)
      return error(400, 'invalid', `Invalid value for field 'resource.network'`);
    const hop = String(nextHopInstance).replace(`${API}/`, '').replace(`projects/${PROJECT}/`, '');
    if (!/^zones\/europe-west1-b\/instances\/node-[ab]$/.test(hop))
      return error(400, 'invalid', `Invalid value for field 'resource.nextHopInstance'`);
    if (this.routes.has(name))
      return error(409, 'alreadyExists', `The resource 'projects/${PROJECT}/global/routes/${name}' already exists`);
    this.writes.push(`Insert ${name}`);
    return this.#begin(query, () => {
      if (this.routes.size >= this.quota)
        return { code: 'QUOTA_EXCEEDED', message: "Quota 'ROUTES' exceeded.", status: 403 };
      this.#lag.writing(new Map(this.routes));
      this.routes.set(name, { name, dst: String(destRange), hop, priority: Number(priority), tags: [] });
      return undefined;
    });
  }

  #delete(name: string, query: URLSearchParams): Answer {
    if (!this.routes.has(name))
      return error(404, 'notFound', `The resource 'projects/${PROJECT}/global/routes/${name}' was not found`);
    this.writes.push(`Delete ${name}`);
    return this.#begin(query, () => {
      this.#lag.writing(new Map(this.routes));
      this.routes.delete(name);
      return undefined;
    });
  }

  #begin(query: URLSearchParams, act: Operation['act']): Answer {
    const name = `operation-${randomUUID()}`;
    this.#operations.set(name, { name, looks: this.looks, act, result: undefined });
    const id = query.get('requestId');
    if (id !== null) this.#requests.set(id, name);
    return json({ kind: 'compute#operation', name, status: 'RUNNING', progress: 0 });
  }

  #operation(name: string): Answer {
    const operation = this.#operations.get(name);
    if (operation === undefined) return error(404, 'notFound', 'no such operation');
    if (operation.looks > 1) {
      operation.looks--;
      return json({ kind: 'compute#operation', name, status: 'RUNNING', progress: 50 });
    }
    if (operation.looks === 1) {
      operation.looks = 0;
      operation.result = operation.act();
    }
    const { result } = operation;
    const failed = result && {
      error: { errors: [{ code: result.code, message: result.message }] },
      httpErrorStatusCode: result.status,
    };
    return json({ kind: 'compute#operation', name, status: 'DONE', progress: 100, ...failed });
  }
}

const tokenAnswer = (token: string): string =>
  JSON.stringify({ access_token: token, expires_in: 3599, token_type: 'Bearer' });

const json = (value: unknown): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

const error = (status: number, reason: string, message: string): Answer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ error: { code: status, message, errors: [{ message, domain: 'global', reason }] } }),
});

export async function gceBed(): Promise<CloudBed & { readonly fake: FakeGce }> {
  const fake = await FakeGce.start();
  let made = 0;
  return {
    fake,
    ...{ cloud: 'gce', table: 'default', self: 'europe-west1-b/node-a', other: 'europe-west1-b/node-b' },
    ...{ dead: 'europe-west1-b/node-gone', faults: fake.faults, env: fake.env, options: {} },
    ...{ permission: 'compute.routes.create', actions: { list: 'routes.list', create: 'routes.create' } },
    secrets: () => [fake.token],
    routes: () =>
      [...fake.routes.values()]
        .map(({ dst, hop }) => `${dst} ${hop.replace('zones/', '').replace('instances/', '')}`)
        .sort(),
    // Nodes give their routes a name that they know again; people do not.
    put: (dst, target) =>
      fake.put(target.endsWith('-b') ? `somebody-${++made}` : `flannel-${dst.replace(/[./]/g, '-')}`, dst, target),
    drop: (dst) => {
      for (const route of fake.routes.values()) if (route.dst === dst) fake.routes.delete(route.name);
    },
    writes: () => fake.writes,
    rotate: () => {
      fake.token = `ya29.${randomUUID()}`;
    },
    fill: () => {
      fake.quota = fake.routes.size;
    },
    close: () => fake.close(),
  };
}
