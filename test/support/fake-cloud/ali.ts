import { createHash, createHmac, randomUUID } from 'node:crypto';
import type { CloudBed } from './bed.js';
import { type Answer, type Arrived, type FakeServer, Faults, Lagging, serve } from './server.js';

interface AliRoute {
  readonly id: string;
  readonly dst: string;
  hop: string;
  name: string;
  /** Reads until it is there. */
  pending: number;
}

type Query = Readonly<Record<string, string>>;

const VPC = 'vpc-1';
const TABLES = [
  { RouteTableId: 'vtb-main', RouteTableType: 'System', VSwitchIds: { VSwitchId: ['vsw-0'] } },
  { RouteTableId: 'vtb-1', RouteTableType: 'Custom', VSwitchIds: { VSwitchId: ['vsw-1'] } },
];

/** Alibaba's VPC service and the metadata of an ECS instance, as far as routes go. Routes are made in the background. */
export class FakeAli {
  readonly faults = new Faults();
  readonly calls: string[] = [];
  readonly instances = new Set(['i-a', 'i-b']);
  key = { id: 'STS.fake0001', secret: `fake-secret-${randomUUID()}`, session: `fake-session-${randomUUID()}` };
  role: string | undefined = 'flan-node';
  /** Metadata only with tokens, as hardened instances want it. */
  isHardened = true;
  routesPerTable = 200;
  pageSize = 100;
  list: readonly AliRoute[] = [];
  readonly #tokens = new Set<string>();
  readonly #nonces = new Set<string>();
  readonly #lag = new Lagging<readonly AliRoute[]>(this.faults);
  #server: FakeServer | undefined;

  static async start(): Promise<FakeAli> {
    const fake = new FakeAli();
    fake.#server = await serve((arrived) => fake.#answer(arrived));
    return fake;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  get env(): Record<string, string | undefined> {
    const none = [
      'ALIBABA_CLOUD_ACCESS_KEY_ID',
      'ALIBABA_CLOUD_ACCESS_KEY_SECRET',
      'ACCESS_KEY_ID',
      'ACCESS_KEY_SECRET',
    ];
    return {
      ...Object.fromEntries(none.map((name) => [name, undefined])),
      ...{ ALIBABA_CLOUD_VPC_ENDPOINT: this.url, METADATA_ENDPOINT: this.url },
      ALIBABA_CLOUD_CREDENTIALS_FILE: '/nonexistent',
    };
  }

  add(dst: string, hop: string, rest: Partial<AliRoute> = {}): void {
    this.list = [...this.list, { id: `rte-${randomUUID().slice(0, 8)}`, dst, hop, name: '', pending: 0, ...rest }];
  }

  drop(dst: string): void {
    this.list = this.list.filter((route) => route.dst !== dst);
  }

  close(): Promise<void> {
    return this.#server?.close() ?? Promise.resolve();
  }

  #answer(arrived: Arrived): Answer | undefined {
    return arrived.url.pathname.startsWith('/latest/') ? this.#metadata(arrived) : this.#api(arrived);
  }

  #metadata({ method, url, headers }: Arrived): Answer {
    if (url.pathname === '/latest/api/token') {
      const seconds = Number(headers['x-aliyun-ecs-metadata-token-ttl-seconds']);
      if (method !== 'PUT' || !(seconds >= 1 && seconds <= 21_600)) return { status: 400 };
      const token = randomUUID();
      this.#tokens.add(token);
      return { status: 200, body: token };
    }
    const token = headers['x-aliyun-ecs-metadata-token'];
    if (token === undefined ? this.isHardened : !this.#tokens.has(token)) return { status: 403 };
    const given = {
      ...{
        AccessKeyId: this.key.id,
        AccessKeySecret: this.key.secret,
        SecurityToken: this.key.session,
        Code: 'Success',
      },
      Expiration: new Date(Date.now() + 6 * 3_600_000).toISOString(),
    };
    const values: Readonly<Record<string, string | undefined>> = {
      ...{ 'region-id': 'eu-central-1', 'instance-id': 'i-a', 'vpc-id': VPC, 'vswitch-id': 'vsw-1' },
      ...{ mac: '00:16:3e:00:00:01', 'private-ipv4': '192.168.10.1', 'vswitch-cidr-block': '192.168.10.0/24' },
      'network/interfaces/macs/00:16:3e:00:00:01/private-ipv4s': '["192.168.10.1"]',
      'ram/security-credentials/': this.role,
      [`ram/security-credentials/${this.role}`]: this.role === undefined ? undefined : JSON.stringify(given),
    };
    const found = values[url.pathname.replace('/latest/meta-data/', '')];
    return found === undefined ? { status: 404 } : { status: 200, body: found };
  }

  #api(arrived: Arrived): Answer {
    const action = arrived.headers['x-acs-action'] ?? '';
    const bad = this.#badSignature(arrived);
    if (bad !== undefined)
      return error(bad === 'SignatureDoesNotMatch' ? 400 : 404, bad, 'Specified signature or access key is not valid.');
    if (arrived.headers['x-acs-version'] !== '2016-04-28') return error(404, 'InvalidVersion', 'no such version');
    const query = Object.fromEntries(arrived.url.searchParams);
    if (query.RegionId !== 'eu-central-1') return error(404, 'InvalidRegionId.NotFound', 'no such region');
    if (this.faults.take(this.faults.throttled, action))
      return error(400, 'Throttling.User', 'Request was denied due to user flow control.');
    if (this.faults.take(this.faults.broken, action))
      return error(503, 'ServiceUnavailable', 'The request has failed due to a temporary failure of the server.');
    if (this.faults.denied.has(action))
      return error(403, 'Forbidden.RAM', `User not authorized to operate on the specified resource (vpc:${action}).`);
    if (query.DryRun === 'true')
      return error(400, 'DryRunOperation', 'Request validation has been passed with DryRun flag set.');
    this.calls.push(action);
    return this.#act(action, query);
  }

  #act(action: string, query: Query): Answer {
    switch (action) {
      case 'DescribeRouteTableList':
        return done({ RouterTableList: { RouterTableListType: TABLES }, TotalCount: TABLES.length });
      case 'DescribeRouteEntryList':
        return this.#entries(query);
      case 'CreateRouteEntry':
        return this.#create(query);
      case 'ModifyRouteEntry':
      case 'DeleteRouteEntry':
        return this.#change(action, query);
      default:
        return error(404, 'InvalidAction.NotFound', 'Specified api is not found');
    }
  }

  #badSignature({ method, url, headers, body }: Arrived): string | undefined {
    const match = /^ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([\da-f]{64})$/.exec(
      headers.authorization ?? '',
    );
    if (match === null) return 'IncompleteSignature';
    const [, id, names = '', signature] = match;
    if (id !== this.key.id) return 'InvalidAccessKeyId.NotFound';
    if ((headers['x-acs-security-token'] ?? '') !== this.key.session) return 'InvalidSecurityToken.Mismatch';
    const hash = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');
    if (headers['x-acs-content-sha256'] !== hash(body)) return 'SignatureDoesNotMatch';
    if (Math.abs(Date.now() - Date.parse(headers['x-acs-date'] ?? '')) > 15 * 60_000) return 'InvalidTimeStamp.Expired';
    const nonce = headers['x-acs-signature-nonce'] ?? '';
    if (nonce === '' || this.#nonces.has(nonce)) return 'SignatureNonceUsed';
    this.#nonces.add(nonce);
    const list = names.split(';');
    const needed = Object.keys(headers).filter((name) => name.startsWith('x-acs-'));
    if (!['host', ...needed].every((name) => list.includes(name))) return 'IncompleteSignature';
    const canonical = `${method}\n${url.pathname}\n${url.search.slice(1)}\n${list.map((name) => `${name}:${headers[name] ?? ''}\n`).join('')}\n${names}\n${hash(body)}`;
    const expected = createHmac('sha256', this.key.secret)
      .update(`ACS3-HMAC-SHA256\n${hash(canonical)}`)
      .digest('hex');
    return expected === signature ? undefined : 'SignatureDoesNotMatch';
  }

  #entries(query: Query): Answer {
    const seen = query.RouteTableId === 'vtb-1' ? this.#lag.read(this.list) : [];
    const from = Number(query.NextToken?.replace('n', '') ?? 0);
    const size = Math.min(Number(query.MaxResult ?? 50), this.pageSize);
    const entries = seen.slice(from, from + size).map((route) => ({
      ...{ RouteEntryId: route.id, RouteEntryName: route.name, DestinationCidrBlock: route.dst, Type: 'Custom' },
      Status: route.pending > 0 ? 'Pending' : 'Available',
      NextHops: { NextHop: [{ NextHopId: route.hop, NextHopType: 'Instance', Enabled: 1 }] },
    }));
    for (const route of seen) if (route.pending > 0) route.pending--;
    const next = from + size < seen.length ? { NextToken: `n${from + size}` } : {};
    return done({ RouteEntrys: { RouteEntry: entries }, ...next });
  }

  /** One write at a time in a whole VPC. */
  get #isBusy(): boolean {
    return this.list.some(({ pending }) => pending > 0);
  }

  #writing(): void {
    this.#lag.writing(this.list.map((route) => ({ ...route })));
  }

  #create(query: Query): Answer {
    const { DestinationCidrBlock: dst = '', NextHopId: hop = '', RouteEntryName: name = '' } = query;
    if (this.#isBusy)
      return error(400, 'TaskConflict', 'The operation is too frequent, please wait a moment and try again.');
    if (query.RouteTableId !== 'vtb-1') return error(404, 'InvalidRouteTableId.NotFound', 'no such route table');
    if (query.NextHopType !== 'Instance' || !this.instances.has(hop))
      return error(404, 'InvalidNextHop.NotFound', 'no such next hop');
    if (this.list.some((route) => route.dst === dst))
      return error(400, 'InvalidCIDRBlock.Duplicate', 'Specified CIDR block is already exists.');
    if (this.list.length >= this.routesPerTable)
      return error(400, 'QuotaExceeded', 'Route entry quota exceeded in this route table.');
    this.#writing();
    this.add(dst, hop, { name, pending: 2 });
    return done({ RouteEntryId: this.list.at(-1)?.id });
  }

  #change(action: 'ModifyRouteEntry' | 'DeleteRouteEntry', query: Query): Answer {
    const route = this.list.find(({ id }) => id === query.RouteEntryId);
    if (route === undefined) return error(404, 'InvalidRouteEntry.NotFound', 'Specified route entry does not exist.');
    if (this.#isBusy)
      return error(400, 'TaskConflict', 'The operation is too frequent, please wait a moment and try again.');
    const hop = query.NewNextHopId ?? '';
    if (action === 'ModifyRouteEntry' && !this.instances.has(hop))
      return error(404, 'InvalidNextHop.NotFound', 'no such next hop');
    this.#writing();
    if (action === 'DeleteRouteEntry') this.list = this.list.filter((one) => one !== route);
    else Object.assign(route, { hop, name: query.RouteEntryName ?? route.name, pending: 1 });
    return done({});
  }
}

const done = (answer: object): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ ...answer, RequestId: randomUUID() }),
});

const error = (status: number, code: string, message: string): Answer => ({
  ...done({ HostId: 'vpc.aliyuncs.com', Code: code, Message: message }),
  status,
});

export async function aliBed(): Promise<CloudBed & { readonly fake: FakeAli }> {
  const fake = await FakeAli.start();
  return {
    fake,
    ...{ cloud: 'ali-vpc', table: 'vtb-1', self: 'i-a', other: 'i-b', dead: undefined },
    ...{ faults: fake.faults, env: fake.env, options: {}, permission: 'vpc:CreateRouteEntry' },
    actions: { list: 'DescribeRouteEntryList', create: 'CreateRouteEntry' },
    secrets: () => [fake.key.secret, fake.key.session],
    routes: () => fake.list.map(({ dst, hop }) => `${dst} ${hop}`).sort(),
    put: (dst, hop) => fake.add(dst, hop),
    drop: (dst) => fake.drop(dst),
    writes: () => fake.calls.filter((action) => !action.startsWith('Describe')),
    rotate: () => {
      fake.key = { id: 'STS.fake0002', secret: randomUUID(), session: randomUUID() };
    },
    fill: () => {
      fake.routesPerTable = 0;
    },
    close: () => fake.close(),
  };
}
