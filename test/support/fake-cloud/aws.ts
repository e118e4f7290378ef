import { createHash, createHmac, randomUUID } from 'node:crypto';
import type { CloudBed } from './bed.js';
import { type Answer, type Arrived, type FakeServer, Faults, Lagging, serve } from './server.js';

export interface AwsRoute {
  dst: string;
  eni?: string;
  gateway?: string;
  origin: 'CreateRouteTable' | 'CreateRoute' | 'EnableVgwRoutePropagation';
}

export interface AwsTable {
  readonly id: string;
  readonly vpc: string;
  readonly isMain: boolean;
  readonly subnets: readonly string[];
  routes: AwsRoute[];
}

export interface AwsEni {
  readonly id: string;
  readonly mac: string;
  readonly vpc: string;
  readonly subnet: string;
  readonly addresses: readonly string[];
  readonly instance: string;
  isChecked: boolean;
}

const ACCOUNT = '123456789012';
const VPC_BLOCKS: Readonly<Record<string, readonly string[]>> = { 'vpc-1': ['192.168.0.0/16', '100.64.0.0/16'] };
const XMLNS = 'http://ec2.amazonaws.com/doc/2016-11-15/';
const DAY = /^\d{8}T\d{6}Z$/;

/**
 * EC2 and the instance metadata service, as far as routes go: what they check (signatures, session tokens, metadata
 * tokens), what they refuse, and in which words. Nothing here is shared with what it tests.
 */
export class FakeAws {
  readonly faults = new Faults();
  readonly calls: { readonly action: string; readonly parameters: ReadonlyMap<string, string> }[] = [];
  readonly metadataCalls: string[] = [];
  readonly tables = new Map<string, AwsTable>();
  readonly enis = new Map<string, AwsEni>();
  /** What `serve` answers with; the secret is never sent to EC2. */
  key = { id: 'ASIAFAKEFAKEFAKE0001', secret: `fake-secret-${randomUUID()}`, session: `fake-session-${randomUUID()}` };
  /** `required`: no version 1. `silent`: the hop limit swallows answers to PUT. `absent`: as before 2019. */
  tokens: 'required' | 'optional' | 'silent' | 'absent' = 'required';
  role: string | undefined = 'flan-node';
  routesPerTable = 500;
  pageSize = 100;
  instance = 'i-0aaa';
  readonly #issued = new Set<string>();
  readonly #lag = new Lagging<Map<string, AwsTable>>(this.faults);
  #server: FakeServer | undefined;

  static async start(): Promise<FakeAws> {
    const fake = new FakeAws();
    fake.#server = await serve((arrived) => fake.#answer(arrived));
    fake.addEni({
      id: 'eni-0aaa',
      mac: '02:00:00:00:00:01',
      subnet: 'subnet-1',
      addresses: ['192.168.10.1'],
      instance: 'i-0aaa',
    });
    fake.addEni({
      id: 'eni-0bbb',
      mac: '02:00:00:00:00:02',
      subnet: 'subnet-1',
      addresses: ['192.168.10.2'],
      instance: 'i-0bbb',
    });
    fake.addTable({ id: 'rtb-main', isMain: true, subnets: [] });
    fake.addTable({ id: 'rtb-1', isMain: false, subnets: ['subnet-1'] });
    return fake;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  /** What makes flan, or an SDK, talk to this. */
  get env(): Record<string, string | undefined> {
    const none = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE', 'AWS_ENDPOINT_URL'];
    return {
      ...Object.fromEntries(none.map((name) => [name, undefined])),
      AWS_ENDPOINT_URL_EC2: this.url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: this.url,
      AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
      AWS_CONFIG_FILE: '/nonexistent/config',
    };
  }

  addEni(eni: Omit<AwsEni, 'vpc' | 'isChecked'>): void {
    this.enis.set(eni.id, { ...eni, vpc: 'vpc-1', isChecked: true });
  }

  addTable({ id, isMain, subnets, vpc = 'vpc-1' }: Omit<AwsTable, 'vpc' | 'routes'> & { vpc?: string }): void {
    const local: AwsRoute = { dst: '192.168.0.0/16', gateway: 'local', origin: 'CreateRouteTable' };
    this.tables.set(id, { id, vpc, isMain, subnets, routes: [local] });
  }

  /** A route as somebody else makes it, at once. */
  put(table: string, dst: string, eni: string): void {
    const routes = this.tables.get(table)?.routes.filter((route) => route.dst !== dst) ?? [];
    this.#table(table).routes = [...routes, { dst, eni, origin: 'CreateRoute' }];
  }

  drop(table: string, dst: string): void {
    this.#table(table).routes = this.#table(table).routes.filter((route) => route.dst !== dst);
  }

  /** The routes that somebody made, `DESTINATION TARGET`. */
  routes(table = 'rtb-1'): string[] {
    return this.#table(table)
      .routes.filter(({ origin }) => origin === 'CreateRoute')
      .map((route) => `${route.dst} ${route.eni ?? route.gateway}`)
      .sort();
  }

  actions(): string[] {
    return this.calls.map(({ action }) => action);
  }

  writes(): string[] {
    return this.calls
      .filter(({ action, parameters }) => !action.startsWith('Describe') && parameters.get('DryRun') !== 'true')
      .map(({ action }) => action);
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  #table(id: string): AwsTable {
    const table = this.tables.get(id);
    if (table === undefined) throw new Error(`no table ${id}`);
    return table;
  }

  #answer(arrived: Arrived): Answer | undefined {
    return arrived.target.startsWith('/latest/') ? this.#metadata(arrived) : this.#ec2(arrived);
  }

  #metadata({ method, target, headers }: Arrived): Answer | undefined {
    this.metadataCalls.push(`${method} ${target}`);
    if (target === '/latest/api/token') {
      if (this.tokens === 'absent') return { status: 404 };
      if (this.tokens === 'silent') return undefined;
      const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds']);
      if (method !== 'PUT' || !(seconds >= 1 && seconds <= 21_600)) return { status: 400 };
      const token = randomUUID();
      this.#issued.add(token);
      return { status: 200, body: token };
    }
    const token = headers['x-aws-ec2-metadata-token'];
    if (
      token === undefined
        ? this.tokens === 'required' || (this.tokens === 'silent' && this.#isStrict)
        : !this.#issued.has(token)
    ) {
      return { status: 401 };
    }
    const found = this.#values()[target.replace('/latest/meta-data/', '')];
    return found === undefined ? { status: 404 } : { status: 200, body: found };
  }

  /** With `silent`: whether version 1 is off too, as on an instance that requires tokens. */
  #isStrict = false;
  requireTokens(): void {
    this.#isStrict = true;
  }

  /** Tokens end: as after six hours. */
  expireTokens(): void {
    this.#issued.clear();
  }

  #values(): Readonly<Record<string, string | undefined>> {
    const own = [...this.enis.values()].filter(({ instance }) => instance === this.instance);
    const credentials = {
      ...{ Code: 'Success', Type: 'AWS-HMAC', AccessKeyId: this.key.id, SecretAccessKey: this.key.secret },
      ...{ Token: this.key.session, Expiration: new Date(Date.now() + 6 * 3_600_000).toISOString() },
    };
    return {
      'instance-id': this.instance,
      'placement/region': 'eu-central-1',
      'placement/availability-zone': 'eu-central-1a',
      ...Object.fromEntries(
        own.map(({ mac, vpc }) => [
          `network/interfaces/macs/${mac}/vpc-ipv4-cidr-blocks`,
          (VPC_BLOCKS[vpc] ?? []).join('\n'),
        ]),
      ),
      'iam/security-credentials/': this.role,
      [`iam/security-credentials/${this.role}`]: this.role === undefined ? undefined : JSON.stringify(credentials),
    };
  }

  #ec2(arrived: Arrived): Answer {
    const parameters = new Map(new URLSearchParams(arrived.body));
    const action = parameters.get('Action') ?? '';
    const bad = this.#badSignature(arrived);
    if (bad !== undefined)
      return error(
        bad === 'RequestExpired' ? 400 : 401,
        bad,
        'AWS was not able to validate the provided access credentials',
      );
    if (parameters.get('Version') !== '2016-11-15') return error(400, 'InvalidAction', 'no such version');
    this.calls.push({ action, parameters });
    if (this.faults.take(this.faults.throttled, action))
      return error(503, 'RequestLimitExceeded', 'Request limit exceeded.');
    if (this.faults.take(this.faults.broken, action))
      return error(500, 'InternalError', 'An internal error has occurred');
    if (this.faults.denied.has(action)) {
      const said = `You are not authorized to perform this operation. User: arn:aws:sts::${ACCOUNT}:assumed-role/flan-node/${this.instance} is not authorized to perform: ec2:${action}. Encoded authorization failure message: ${'Zm9v'.repeat(300)}`;
      return error(403, 'UnauthorizedOperation', said);
    }
    if (parameters.get('DryRun') === 'true') {
      return error(412, 'DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
    }
    switch (action) {
      case 'DescribeInstances':
        return this.#describeInstances(parameters);
      case 'DescribeRouteTables':
        return this.#describeTables(parameters);
      case 'CreateRoute':
      case 'ReplaceRoute':
      case 'DeleteRoute':
        return this.#write(action, parameters);
      case 'ModifyNetworkInterfaceAttribute': {
        const eni = this.enis.get(parameters.get('NetworkInterfaceId') ?? '');
        if (eni === undefined)
          return error(400, 'InvalidNetworkInterfaceID.NotFound', 'The networkInterface ID does not exist');
        eni.isChecked = parameters.get('SourceDestCheck.Value') === 'true';
        return done(action, '<return>true</return>');
      }
      default:
        return error(400, 'InvalidAction', `The action ${action} is not valid for this web service.`);
    }
  }

  /** As AWS itself computes it, from what was received and the secret that it knows. */
  #badSignature({ method, url, headers, body }: Arrived): string | undefined {
    const match =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/ec2\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([\da-f]{64})$/.exec(
        headers.authorization ?? '',
      );
    const time = headers['x-amz-date'] ?? '';
    if (match === null || !DAY.test(time)) return 'AuthFailure';
    const [, id, day = '', region = '', names = '', signature] = match;
    if (id !== this.key.id || region !== 'eu-central-1' || !time.startsWith(day)) return 'AuthFailure';
    if ((headers['x-amz-security-token'] ?? '') !== this.key.session) return 'AuthFailure';
    const sentMs = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    if (Math.abs(Date.now() - sentMs) > 5 * 60_000) return 'RequestExpired';
    const list = names.split(';');
    if (!['host', 'x-amz-date'].every((name) => list.includes(name))) return 'AuthFailure';
    if (this.key.session !== '' && !list.includes('x-amz-security-token')) return 'AuthFailure';
    const hash = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');
    const sign = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text, 'utf8').digest();
    const canonical = `${method}\n${url.pathname}\n${url.search.replace('?', '')}\n${list.map((name) => `${name}:${headers[name] ?? ''}\n`).join('')}\n${names}\n${hash(body)}`;
    const dayKey = sign(`AWS4${this.key.secret}`, day);
    const key = sign(sign(sign(dayKey, region), 'ec2'), 'aws4_request');
    const expected = sign(key, `AWS4-HMAC-SHA256\n${time}\n${day}/${region}/ec2/aws4_request\n${hash(canonical)}`);
    return expected.toString('hex') === signature ? undefined : 'AuthFailure';
  }

  #describeInstances(parameters: ReadonlyMap<string, string>): Answer {
    const id = parameters.get('InstanceId.1') ?? '';
    const own = [...this.enis.values()].filter(({ instance }) => instance === id);
    if (own.length === 0) return error(400, 'InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
    const items = own.map(
      (eni) =>
        `<item><networkInterfaceId>${eni.id}</networkInterfaceId><subnetId>${eni.subnet}</subnetId><vpcId>${eni.vpc}</vpcId><macAddress>${eni.mac}</macAddress><sourceDestCheck>${eni.isChecked}</sourceDestCheck><privateIpAddressesSet>${eni.addresses.map((one, i) => `<item><privateIpAddress>${one}</privateIpAddress><primary>${i === 0}</primary></item>`).join('')}</privateIpAddressesSet></item>`,
    );
    return done(
      'DescribeInstances',
      `<reservationSet><item><ownerId>${ACCOUNT}</ownerId><instancesSet><item><instanceId>${id}</instanceId><tagSet><item><key>Name</key><value>a &amp; b</value></item></tagSet><networkInterfaceSet>${items.join('')}</networkInterfaceSet></item></instancesSet></item></reservationSet>`,
    );
  }

  #describeTables(parameters: ReadonlyMap<string, string>): Answer {
    const seen = this.#lag.read(this.tables);
    const ids = valuesOf(parameters, 'RouteTableId');
    const missing = ids.find((id) => !this.tables.has(id));
    if (missing !== undefined)
      return error(400, 'InvalidRouteTableID.NotFound', `The routeTable ID '${missing}' does not exist`);
    if (ids.length > 0 && parameters.has('MaxResults'))
      return error(
        400,
        'InvalidParameterCombination',
        'The parameter routeTableId cannot be used with the parameter maxResults',
      );
    const vpcs = parameters.get('Filter.1.Name') === 'vpc-id' ? valuesOf(parameters, 'Filter.1.Value') : undefined;
    const all = [...seen.values()].filter(
      ({ id, vpc }) => (ids.length === 0 || ids.includes(id)) && (vpcs?.includes(vpc) ?? true),
    );
    const from = Number(parameters.get('NextToken')?.replace('page-', '') ?? 0);
    const size = parameters.has('MaxResults')
      ? Math.min(Number(parameters.get('MaxResults')), this.pageSize)
      : all.length;
    const next = from + size < all.length ? `<nextToken>page-${from + size}</nextToken>` : '';
    const items = all.slice(from, from + size).map((table) => this.#tableXml(table));
    return done('DescribeRouteTables', `<routeTableSet>${items.join('')}</routeTableSet>${next}`);
  }

  #tableXml({ id, vpc, isMain, subnets, routes }: AwsTable): string {
    const routeXml = (route: AwsRoute): string => {
      const state = route.eni !== undefined && !this.enis.has(route.eni) ? 'blackhole' : 'active';
      const eni = route.eni && `<networkInterfaceId>${route.eni}</networkInterfaceId>`;
      const instance = route.eni && this.enis.get(route.eni)?.instance;
      const gateway = route.gateway && `<gatewayId>${route.gateway}</gatewayId>`;
      return `<item><destinationCidrBlock>${route.dst}</destinationCidrBlock>${gateway ?? ''}${instance ? `<instanceId>${instance}</instanceId>` : ''}${eni ?? ''}<state>${state}</state><origin>${route.origin}</origin></item>`;
    };
    const main = isMain
      ? `<item><routeTableAssociationId>rtbassoc-m</routeTableAssociationId><routeTableId>${id}</routeTableId><main>true</main></item>`
      : '';
    const associations = subnets.map(
      (subnet) => `<item><routeTableId>${id}</routeTableId><subnetId>${subnet}</subnetId><main>false</main></item>`,
    );
    return `<item><routeTableId>${id}</routeTableId><vpcId>${vpc}</vpcId><routeSet>${routes.map(routeXml).join('')}</routeSet><associationSet>${main}${associations.join('')}</associationSet><propagatingVgwSet/><tagSet/></item>`;
  }

  #write(action: 'CreateRoute' | 'ReplaceRoute' | 'DeleteRoute', parameters: ReadonlyMap<string, string>): Answer {
    const [id, dst = '', eni = ''] = ['RouteTableId', 'DestinationCidrBlock', 'NetworkInterfaceId'].map((name) =>
      parameters.get(name),
    );
    const table = this.tables.get(id ?? '');
    if (table === undefined)
      return error(400, 'InvalidRouteTableID.NotFound', `The routeTable ID '${id}' does not exist`);
    const standing = table.routes.find((route) => route.dst === dst);
    if (action === 'DeleteRoute') {
      if (standing === undefined)
        return error(400, 'InvalidRoute.NotFound', `no route with destination-cidr-block ${dst} in route table ${id}`);
      if (standing.origin !== 'CreateRoute')
        return error(400, 'InvalidParameterValue', `cannot remove local route ${dst} in route table ${id}`);
    } else {
      if (!this.enis.has(eni))
        return error(400, 'InvalidNetworkInterfaceID.NotFound', `The networkInterface ID '${eni}' does not exist`);
      if (action === 'CreateRoute' && standing !== undefined)
        return error(400, 'RouteAlreadyExists', `The route identified by ${dst} already exists.`);
      if (action === 'ReplaceRoute' && standing === undefined) {
        return error(
          400,
          'InvalidParameterValue',
          `There is no route defined for '${dst}' in the route table. Use CreateRoute instead.`,
        );
      }
      if (action === 'CreateRoute' && table.routes.length >= this.routesPerTable) {
        return error(
          400,
          'RouteLimitExceeded',
          'You have reached the limit for the number of routes in the route table.',
        );
      }
    }
    this.#lag.writing(new Map([...this.tables].map(([name, one]) => [name, { ...one, routes: [...one.routes] }])));
    if (action === 'DeleteRoute') this.drop(table.id, dst);
    else this.put(table.id, dst, eni);
    return done(action, '<return>true</return>');
  }
}

const valuesOf = (parameters: ReadonlyMap<string, string>, name: string): string[] =>
  [...parameters]
    .filter(([key]) => new RegExp(`^${name.replaceAll('.', '\\.')}\\.\\d+$`).test(key))
    .map(([, value]) => value);

const done = (action: string, body: string): Answer => ({
  status: 200,
  headers: { 'content-type': 'text/xml;charset=UTF-8' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="${XMLNS}"><requestId>${randomUUID()}</requestId>${body}</${action}Response>`,
});

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const error = (status: number, code: string, message: string): Answer => ({
  status,
  headers: { 'content-type': 'text/xml;charset=UTF-8' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error></Errors><RequestID>${randomUUID()}</RequestID></Response>`,
});

export async function awsBed(): Promise<CloudBed & { readonly fake: FakeAws }> {
  const fake = await FakeAws.start();
  return {
    fake,
    ...{ cloud: 'aws-vpc', table: 'rtb-1', self: 'eni-0aaa', other: 'eni-0bbb', dead: 'eni-0dead' },
    ...{ faults: fake.faults, env: fake.env, options: {}, permission: 'ec2:CreateRoute' },
    actions: { list: 'DescribeRouteTables', create: 'CreateRoute' },
    secrets: () => [fake.key.secret, fake.key.session],
    routes: () => fake.routes(),
    put: (dst, target) => fake.put('rtb-1', dst, target),
    drop: (dst) => fake.drop('rtb-1', dst),
    writes: () => fake.writes(),
    rotate: () => {
      fake.key = { id: 'ASIAFAKEFAKEFAKE0002', secret: randomUUID(), session: randomUUID() };
    },
    fill: () => {
      fake.routesPerTable = fake.tables.get('rtb-1')?.routes.length ?? 0;
    },
    close: () => fake.close(),
  };
}
