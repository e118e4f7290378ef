import { createHash, createHmac, randomUUID } from 'node:crypto';
import type { CloudBed } from './bed.js';
import { type Answer, type Arrived, type FakeServer, Faults, Lagging, serve } from './server.js';

interface TencentRoute {
  readonly item: string;
  readonly number: number;
  readonly dst: string;
  readonly gateway: string;
  readonly type: string;
  enabled: boolean;
  readonly description: string;
}

interface TencentTable {
  readonly id: string;
  readonly isMain: boolean;
  readonly subnets: readonly string[];
  routes: readonly TencentRoute[];
}

type Body = Readonly<Record<string, unknown>>;
type Routes = readonly Readonly<Record<string, unknown>>[];

const VPC = 'vpc-1';
/** More next hops of one destination are refused. */
const ECMP = 8;

/** Tencent's VPC service and the metadata of a CVM, as far as routes go. Errors come with status 200. */
export class FakeTencent {
  readonly faults = new Faults();
  readonly calls: string[] = [];
  readonly instances = new Set(['192.168.10.1', '192.168.10.2']);
  readonly tables = new Map<string, TencentTable>();
  key = { id: 'AKIDfake0001', secret: `fake-secret-${randomUUID()}`, session: `fake-session-${randomUUID()}` };
  role: string | undefined = 'flan-node';
  routesPerTable = 50;
  readonly #lag = new Lagging<Map<string, TencentTable>>(this.faults);
  #made = 1000;
  #server: FakeServer | undefined;

  static async start(): Promise<FakeTencent> {
    const fake = new FakeTencent();
    fake.#server = await serve((arrived) => fake.#answer(arrived));
    fake.tables.set('rtb-main', { id: 'rtb-main', isMain: true, subnets: [], routes: [] });
    fake.tables.set('rtb-1', { id: 'rtb-1', isMain: false, subnets: ['subnet-1'], routes: [] });
    return fake;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  get env(): Record<string, string | undefined> {
    const none = ['TENCENTCLOUD_SECRET_ID', 'TENCENTCLOUD_SECRET_KEY', 'ACCESS_KEY_ID', 'ACCESS_KEY_SECRET'];
    return {
      ...Object.fromEntries(none.map((name) => [name, undefined])),
      TENCENTCLOUD_VPC_ENDPOINT: this.url,
      TENCENTCLOUD_METADATA_ENDPOINT: this.url,
    };
  }

  add(table: string, route: Omit<TencentRoute, 'item' | 'number'>): void {
    const found = this.#table(table);
    found.routes = [...found.routes, { item: `rti-${randomUUID().slice(0, 8)}`, number: ++this.#made, ...route }];
  }

  drop(table: string, dst: string): void {
    const found = this.#table(table);
    found.routes = found.routes.filter((route) => route.dst !== dst);
  }

  routes(table = 'rtb-1'): string[] {
    return this.#table(table)
      .routes.map(({ dst, gateway }) => `${dst} ${gateway}`)
      .sort();
  }

  close(): Promise<void> {
    return this.#server?.close() ?? Promise.resolve();
  }

  #table(id: string): TencentTable {
    const table = this.tables.get(id);
    if (table === undefined) throw new Error(`no table ${id}`);
    return table;
  }

  #answer(arrived: Arrived): Answer | undefined {
    if (arrived.method === 'GET') return this.#metadata(arrived.url.pathname);
    return this.#api(arrived);
  }

  #metadata(path: string): Answer {
    const mac = '52:54:00:00:00:01';
    const at = `network/interfaces/macs/${mac}`;
    const given = {
      ...{ TmpSecretId: this.key.id, TmpSecretKey: this.key.secret, Token: this.key.session, Code: 'Success' },
      ExpiredTime: Math.floor(Date.now() / 1000) + 7200,
    };
    const values: Readonly<Record<string, string | undefined>> = {
      ...{ 'instance-id': 'ins-1', 'placement/region': 'ap-guangzhou', mac, 'network/interfaces/macs/': `${mac}/` },
      ...{ [`${at}/vpc-id`]: VPC, [`${at}/subnet-id`]: 'subnet-1', [`${at}/primary-local-ipv4`]: '192.168.10.1' },
      [`${at}/local-ipv4s/`]: '192.168.10.1/',
      'cam/security-credentials/': this.role,
      [`cam/security-credentials/${this.role}`]: this.role === undefined ? undefined : JSON.stringify(given),
    };
    const found = values[path.replace('/latest/meta-data/', '')];
    return found === undefined ? { status: 404 } : { status: 200, body: found };
  }

  #api(arrived: Arrived): Answer {
    const action = arrived.headers['x-tc-action'] ?? '';
    const bad = this.#badSignature(arrived, action);
    if (bad !== undefined) return error(`AuthFailure.${bad}`, 'The provided credentials could not be validated.');
    if (arrived.headers['x-tc-version'] !== '2017-03-12') return error('InvalidParameter', 'no such version');
    if (arrived.headers['x-tc-region'] !== 'ap-guangzhou') return error('UnsupportedRegion', 'no such region');
    if (this.faults.take(this.faults.throttled, action))
      return error('RequestLimitExceeded', 'Your current request times equals to `101` in a second');
    if (this.faults.take(this.faults.broken, action)) return error('InternalError', 'An internal error has occurred.');
    if (this.faults.denied.has(action))
      return error('UnauthorizedOperation', `you are not authorized to perform operation (vpc:${action})`);
    this.calls.push(action);
    const body = JSON.parse(arrived.body) as Body;
    switch (action) {
      case 'DescribeRouteTables':
        return this.#describe(body);
      case 'CreateRoutes':
        return this.#create(body);
      case 'ReplaceRoutes':
        return this.#replace(body);
      case 'DeleteRoutes':
        return this.#change(body, (table, items) => {
          table.routes = table.routes.filter(({ item }) => !items.includes(item));
        });
      case 'EnableRoutes':
        return this.#change(body, (table, items) => {
          for (const route of table.routes) if (items.includes(route.item)) route.enabled = true;
        });
      default:
        return error('InvalidAction', `The request action=\`${action}\` is invalid`);
    }
  }

  #badSignature({ headers, body }: Arrived, action: string): string | undefined {
    const match =
      /^TC3-HMAC-SHA256 Credential=([^/]+)\/(\d{4}-\d\d-\d\d)\/vpc\/tc3_request, SignedHeaders=([^,]+), Signature=([\da-f]{64})$/.exec(
        headers.authorization ?? '',
      );
    if (match === null) return 'InvalidAuthorization';
    const [, id, date = '', names = '', signature] = match;
    if (id !== this.key.id) return 'SecretIdNotFound';
    if ((headers['x-tc-token'] ?? '') !== this.key.session) return 'TokenFailure';
    const sentSeconds = Number(headers['x-tc-timestamp']);
    if (Math.abs(Date.now() / 1000 - sentSeconds) > 300) return 'SignatureExpire';
    if (new Date(sentSeconds * 1000).toISOString().slice(0, 10) !== date) return 'SignatureFailure';
    const list = names.split(';');
    if (!list.includes('content-type') || !list.includes('host')) return 'InvalidAuthorization';
    // Tencent's own clients sign the host without its port.
    const seen: Readonly<Record<string, string>> = {
      ...headers,
      host: (headers.host ?? '').replace(/:\d+$/, ''),
      'x-tc-action': action.toLowerCase(),
    };
    const hash = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');
    const sign = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text, 'utf8').digest();
    const canonical = `POST\n/\n\n${list.map((name) => `${name}:${seen[name] ?? ''}\n`).join('')}\n${names}\n${hash(body)}`;
    const key = sign(sign(sign(`TC3${this.key.secret}`, date), 'vpc'), 'tc3_request');
    const expected = sign(key, `TC3-HMAC-SHA256\n${sentSeconds}\n${date}/vpc/tc3_request\n${hash(canonical)}`);
    return expected.toString('hex') === signature ? undefined : 'SignatureFailure';
  }

  #describe(body: Body): Answer {
    for (const name of ['Offset', 'Limit']) {
      if (body[name] !== undefined && typeof body[name] !== 'string')
        return error('InvalidParameter', `${name} must be a string`);
    }
    const ids = body.RouteTableIds as readonly string[] | undefined;
    const all = [...this.#lag.read(this.tables).values()].filter(({ id }) => ids?.includes(id) ?? true);
    const from = Number(body.Offset ?? 0);
    const page = all.slice(from, from + Math.min(Number(body.Limit ?? 20), 100));
    const set = page.map(({ id, isMain, subnets, routes }) => ({
      ...{ RouteTableId: id, VpcId: VPC, Main: isMain },
      AssociationSet: subnets.map((subnet) => ({ SubnetId: subnet, RouteTableId: id })),
      RouteSet: [
        {
          RouteItemId: '',
          DestinationCidrBlock: '192.168.0.0/16',
          GatewayType: 'LOCAL_GATEWAY',
          GatewayId: 'Local',
          RouteType: 'NETD',
          Enabled: true,
        },
        ...routes.map((route) => ({
          ...{
            RouteId: route.number,
            RouteItemId: route.item,
            DestinationCidrBlock: route.dst,
            GatewayType: route.type,
            GatewayId: route.gateway,
          },
          ...{ RouteType: 'USER', Enabled: route.enabled, RouteDescription: route.description },
        })),
      ],
    }));
    return done({ TotalCount: all.length, RouteTableSet: set });
  }

  #writing(): void {
    const copy = [...this.tables].map(
      ([id, table]) => [id, { ...table, routes: table.routes.map((route) => ({ ...route })) }] as const,
    );
    this.#lag.writing(new Map(copy));
  }

  #create(body: Body): Answer {
    const table = this.tables.get(String(body.RouteTableId));
    if (table === undefined) return error('ResourceNotFound', 'no such route table');
    const [asked] = body.Routes as Routes;
    const [dst, gateway] = [String(asked?.DestinationCidrBlock), String(asked?.GatewayId)];
    const standing = table.routes.filter((route) => route.dst === dst);
    if (asked?.GatewayType !== 'NORMAL_CVM' || !this.instances.has(gateway))
      return error('InvalidParameterValue', 'no such gateway');
    if (standing.some((route) => route.gateway === gateway))
      return error('InvalidParameterValue.Duplicate', 'the route is there already');
    if (table.routes.length >= this.routesPerTable || standing.length >= ECMP)
      return error('LimitExceeded', 'the quota of routes is used up');
    this.#writing();
    this.add(table.id, {
      dst,
      gateway,
      type: 'NORMAL_CVM',
      enabled: true,
      description: String(asked.RouteDescription ?? ''),
    });
    return done({ TotalCount: 1 });
  }

  #replace(body: Body): Answer {
    const table = this.tables.get(String(body.RouteTableId));
    const [asked] = body.Routes as Routes;
    const standing = table?.routes.find((route) => isNamed(route, asked));
    if (table === undefined || standing === undefined) return error('ResourceNotFound', 'no such route');
    if (!this.instances.has(String(asked?.GatewayId))) return error('InvalidParameterValue', 'no such gateway');
    this.#writing();
    const now = {
      ...standing,
      gateway: String(asked?.GatewayId),
      type: 'NORMAL_CVM',
      enabled: true,
      description: String(asked?.RouteDescription ?? ''),
    };
    table.routes = table.routes.map((route) => (route === standing ? now : route));
    return done({});
  }

  #change(body: Body, act: (table: TencentTable, items: readonly string[]) => void): Answer {
    const table = this.tables.get(String(body.RouteTableId));
    const asked = (body.RouteItemIds as readonly string[] | undefined)?.map((item) => ({ RouteItemId: item }));
    const named = (asked ?? (body.Routes as Routes)).map((names) =>
      table?.routes.find((route) => isNamed(route, names)),
    );
    const items = named.flatMap((route) => route?.item ?? []);
    if (table === undefined || items.length < named.length) return error('ResourceNotFound', 'no such route');
    this.#writing();
    act(table, items);
    return done({});
  }
}

/** By number or by name; of both, both have to fit. */
const isNamed = ({ number, item }: TencentRoute, { RouteId: byNumber, RouteItemId: byName }: Body = {}): boolean =>
  (byNumber !== undefined || byName !== undefined) && (byNumber ?? number) === number && (byName ?? item) === item;

const done = (response: object): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ Response: { ...response, RequestId: randomUUID() } }),
});

const error = (code: string, message: string): Answer => done({ Error: { Code: code, Message: message } });

export async function tencentBed(): Promise<CloudBed & { readonly fake: FakeTencent }> {
  const fake = await FakeTencent.start();
  return {
    fake,
    ...{ cloud: 'tencent-vpc', table: 'rtb-1', self: '192.168.10.1', other: '192.168.10.2', dead: undefined },
    ...{ faults: fake.faults, env: fake.env, options: {}, permission: 'vpc:CreateRoutes' },
    actions: { list: 'DescribeRouteTables', create: 'CreateRoutes' },
    secrets: () => [fake.key.secret, fake.key.session],
    routes: () => fake.routes(),
    put: (dst, gateway) => fake.add('rtb-1', { dst, gateway, type: 'NORMAL_CVM', enabled: true, description: '' }),
    drop: (dst) => fake.drop('rtb-1', dst),
    writes: () => fake.calls.filter((action) => !action.startsWith('Describe')),
    rotate: () => {
      fake.key = { id: 'AKIDfake0002', secret: randomUUID(), session: randomUUID() };
    },
    fill: () => {
      fake.routesPerTable = 0;
    },
    close: () => fake.close(),
  };
}
