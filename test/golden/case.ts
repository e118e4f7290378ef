import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { decodeNetwork } from '../../src/config/network.js';
import type { Scope } from '../../src/drivers/driver.js';
import type { ObservedWorld } from '../../src/drivers/drivers.js';
import { FlanError } from '../../src/errors.js';
import { fileKind, type TextFile } from '../../src/kinds/file.js';
import { kinds } from '../../src/kinds/index.js';
import { type Route, route } from '../../src/kinds/route.js';
import { decodeLeaseFields } from '../../src/leases/file/fields.js';
import type { LeaseListing } from '../../src/leases/store.js';
import type { CloudFacts } from '../../src/model/cloud.js';
import type { HostFacts, HostLink } from '../../src/model/facts.js';
import { familyOf, isLinkLocal, parseAddress, tryCidr } from '../../src/model/ip.js';
import type { Json } from '../../src/model/json.js';
import type { Lease } from '../../src/model/lease.js';
import type { Mac } from '../../src/model/mac.js';
import type { Resource } from '../../src/planner/kind.js';
import { conclude, type Preview, prepare } from '../../src/reconcile/compute.js';
import type { Options } from '../../src/reconcile/inputs.js';
import { surveyOf } from '../../src/reconcile/survey.js';
import { parseSubnetEnv } from '../../src/traffic/subnet-env.js';

/** One link of `host` in input.yaml: its addresses alone, or more about it. */
type HostEntry = readonly string[] | { addresses: readonly string[]; mtu?: number; up?: boolean; mac?: Mac };

/** input.yaml: what node-a (id-a) knows, in the words of a lease folder. All but `network` may be left out. */
export interface GoldenInput {
  /** One sentence: what the case shows. */
  readonly about: string;
  readonly network: Json;
  /** As in the files of a lease folder. */
  readonly leases?: readonly Json[];
  /** By name; the first one has the default routes. */
  readonly host?: Readonly<Record<string, HostEntry>>;
  /** Which way the kernel sends to an address of the underlay. */
  readonly lookups?: HostFacts['lookups'];
  /** What stands on the host: resources, routes without what `route` fills in. */
  readonly observed?: readonly Resource[];
  /** What the cloud says of this instance. */
  readonly cloud?: CloudFacts;
  /** This node's WireGuard key. */
  readonly publicKey?: string;
  /** Content of subnet.env. */
  readonly subnetEnv?: string;
  readonly settings?: Partial<Options> & {
    readonly adopt?: boolean;
    readonly iface?: string;
    readonly publicIp?: string;
    readonly publicIpv6?: string;
  };
}

const SUBNET_FILE = '/run/flannel/subnet.env';

export const readInput = (folder: string): GoldenInput =>
  parse(readFileSync(join(folder, 'input.yaml'), 'utf8')) as GoldenInput;

/** The plan of a case, from what stands on its host or from another world. */
export function previewOf(input: GoldenInput, resources: readonly Resource[] = observedOf(input)): Preview {
  const { settings = {} } = input;
  const { network } = decodeNetwork(input.network, 'input.yaml: network');
  const survey = surveyOf({
    network,
    facts: { ...factsOf(input.host ?? { eth0: ['192.168.10.1/24'] }), lookups: input.lookups ?? {} },
    previous: parseSubnetEnv(input.subnetEnv ?? ''),
    identity: { node: 'node-a', nodeId: 'id-a' },
    warnings: [],
    publicKey: input.publicKey,
    cloud: input.cloud,
    selection: {
      iface: settings.iface === undefined ? [] : [settings.iface],
      ifaceRegex: [],
      publicIp: settings.publicIp === undefined ? undefined : parseAddress(settings.publicIp),
      publicIpv6: settings.publicIpv6 === undefined ? undefined : parseAddress(settings.publicIpv6),
    },
    options: {
      subnetFile: SUBNET_FILE,
      protocol: 70,
      masquerade: false,
      blackhole: false,
      filter: undefined,
      ...settings,
    },
  });
  const prepared = prepare({ survey, listing: listingOf(input.leases ?? []), kinds });
  const world = look(resources, prepared.scope);
  return conclude({ prepared, world, kinds, adopt: settings.adopt ? 'yes' : 'no', store: 'file ./leases' });
}

export function observedOf({ observed = [], subnetEnv }: GoldenInput): readonly Resource[] {
  const env: TextFile[] =
    subnetEnv === undefined ? [] : [{ kind: 'file', path: SUBNET_FILE, content: subnetEnv, mode: 0o644 }];
  return [...observed.map((one) => (one.kind === 'route' ? route(one as Route) : one)), ...env];
}

/** What drivers report of a host: what is ours, and what stands on a wanted key; files by name only. */
function look(resources: readonly Resource[], { wants, ownership }: Scope): ObservedWorld {
  const observed: ObservedWorld['observed'] = new Map();
  const foreign: Record<string, number> = {};
  for (const resource of resources) {
    const key = kinds.key(resource);
    const isOurs = resource.kind !== fileKind.kind && kinds.of(resource).owns(resource, ownership);
    if (isOurs || wants(key)) observed.set(key, resource);
    if (!isOurs && resource.kind !== fileKind.kind) foreign[resource.kind] = (foreign[resource.kind] ?? 0) + 1;
  }
  return { observed, foreign };
}

function listingOf(entries: readonly Json[]): LeaseListing {
  const leases: Lease[] = [];
  const rejected: LeaseListing['rejected'][number][] = [];
  for (const [i, entry] of entries.entries()) {
    const origin = `leases/nodes.yaml#${i + 1}`;
    try {
      leases.push(decodeLeaseFields({ value: entry, where: () => origin, origin }));
    } catch (error) {
      if (!(error instanceof FlanError)) throw error;
      rejected.push({ entry: origin, error });
    }
  }
  return { leases, rejected };
}

function factsOf(host: Readonly<Record<string, HostEntry>>): Omit<HostFacts, 'lookups'> {
  const links = Object.entries(host).map(([name, entry], i) => linkOf(name, entry, i + 2));
  const [first] = links;
  const families = new Set(first?.addresses.map(({ address }) => familyOf(address)));
  return {
    hostname: 'node-a',
    links,
    defaultRoutes: first ? [...families].map((family) => ({ family, dev: first.name, metric: 0 })) : [],
  };
}

function linkOf(name: string, entry: HostEntry, index: number): HostLink {
  const about = 'addresses' in entry ? entry : { addresses: entry };
  const addresses = about.addresses.map((text) => {
    const cidr = tryCidr(text);
    if (cidr === undefined) throw new Error(`${name}: ${text} is not CIDR notation`);
    const scope = isLinkLocal(cidr.address) ? ('link' as const) : ('global' as const);
    return { ...cidr, scope, permanent: true, deprecated: false, temporary: false };
  });
  const { up = true, mtu = 1500, mac } = about;
  return { index, name, up, loopback: false, mtu, addresses, ...(mac && { mac }) };
}
