import { FlanError } from '../errors.js';
import { cloudRoute } from '../kinds/cloud-route.js';
import type { CloudFacts, CloudInterface, CloudName } from '../model/cloud.js';
import { overlaps } from '../model/ip.js';
import type { JsonObject } from '../model/json.js';
import { type OptionReader, optionReader } from '../model/options.js';
import type { Warning } from '../model/warning.js';
import type { Resource } from '../planner/kind.js';
import type { Backend, BackendContext } from './backend.js';

/** What the backends of all clouds have in common. */
export interface CloudOptions {
  /** Where routes go; empty for the table of the node's own subnet. */
  readonly tables: readonly string[];
  /** Ours: between two looks of `watch` at the cloud, which sends no events. */
  readonly pollMs: number;
  /** In the config, as flannel has it for some clouds; absent to look for them where the cloud's own tools do. */
  readonly keys?: CloudKeys;
}

export interface CloudKeys {
  readonly id: string;
  readonly secret: string;
}

type Context = BackendContext<CloudOptions>;

/** Where on its cloud a node is, and where its routes go. */
export interface CloudPlace {
  readonly interface: CloudInterface;
  readonly tables: readonly string[];
}

export interface CloudBackendInit {
  readonly type: CloudName;
  /** Options besides `PollSeconds`. */
  readonly optionNames: readonly string[];
  readonly options: (read: OptionReader) => Omit<CloudOptions, 'pollMs'>;
  /** What the cloud needs besides routes. */
  readonly local: (at: CloudInterface) => readonly Resource[];
  /** What will not work, and cannot be mended by a step of a plan. @throws {FlanError} */
  readonly check?: (at: CloudInterface, facts: CloudFacts) => void;
}

const DEFAULT_POLL_SECONDS = 300;

/** One route to the own subnet in a table of the cloud's; the cloud carries packets, and peers see to their own. */
export function cloudBackend({ type, optionNames, options, local, check }: CloudBackendInit): Backend<CloudOptions> {
  return {
    type,
    // As flannel publishes it.
    publishedType: '',
    families: [4],
    remembers: false,
    usesLookups: () => false,
    optionNames: [...optionNames, 'PollSeconds'],
    options: (raw: JsonObject) => {
      const read = optionReader({ raw, path: 'Backend' });
      const pollSeconds = read.integer('PollSeconds', { min: 1, max: 86_400 }) ?? DEFAULT_POLL_SECONDS;
      return { ...options(read), pollMs: pollSeconds * 1000 };
    },
    overheadBytes: () => 0,
    advertise: () => ({}),
    local: (context) => {
      const place = placeOf(context);
      if (place === undefined) return [];
      const dst = context.own?.ipv4?.subnet;
      const { target } = place.interface;
      const routes = dst === undefined ? [] : place.tables.map((table) => cloudRoute({ table, dst, target }));
      return [...local(place.interface), ...routes];
    },
    peer: () => [],
    check: (context) => {
      const place = placeOf(context);
      if (place === undefined || context.cloud === undefined) return [];
      refuseOverlap(context, place.interface);
      check?.(place.interface, context.cloud);
      return [...deniedWarnings(context.cloud), ...fullTables(context.cloud, place)];
    },
    checkPeer: () => [],
  };
}

/**
 * What a node is in its cloud: undefined where no cloud was asked.
 * @throws {FlanError} E_BACKEND when the cloud knows no such interface or table
 */
export function placeOf({ cloud, external, options }: Context): CloudPlace | undefined {
  const address = external[4]?.address;
  if (cloud === undefined || address === undefined) return undefined;
  const at = cloud.interfaces.find(({ addresses }) => addresses.includes(address));
  if (at === undefined) {
    const known = cloud.interfaces.flatMap(({ addresses }) => addresses).join(', ') || 'none';
    throw new FlanError(
      'E_BACKEND',
      `no network interface of instance ${cloud.instance} has the address ${address}; it has ${known}`,
      { hint: 'Choose the interface that the cloud knows with --iface.' },
    );
  }
  const tables = options.tables.length === 0 ? [at.table] : [...new Set(options.tables)];
  for (const id of tables) {
    const table = cloud.tables.find((one) => one.id === id);
    if (table?.network === at.network) continue;
    throw new FlanError(
      'E_BACKEND',
      table === undefined
        ? `${at.network}, where ${at.id} is, has no route table ${id}`
        : `route table ${id} belongs to ${table.network}, and ${at.id} is in ${at.network}`,
      { hint: 'Name route tables of the virtual network that the nodes are in, or none: flan then finds it.' },
    );
  }
  return { interface: at, tables };
}

function refuseOverlap({ network }: Context, at: CloudInterface): void {
  const whole = network.ipv4?.network;
  const inside = whole && at.networkPrefixes.find((prefix) => overlaps(prefix, whole));
  if (inside === undefined) return;
  throw new FlanError('E_NETWORK_OVERLAP', `Network ${whole} overlaps ${inside}, which ${at.network} uses itself`, {
    hint: 'Choose a Network outside the address ranges of the virtual network.',
  });
}

const deniedWarnings = ({ denied }: CloudFacts): Warning[] =>
  denied.map((action) => ({
    code: 'W_CLOUD_DENIED',
    message: `the credentials of this node may not ${action}: changes that need it will fail`,
    hint: `Allow ${action}; docs/backends.md has the whole list.`,
  }));

/** Told when the last tenth is begun. */
const fullTables = ({ tables }: CloudFacts, place: CloudPlace): Warning[] =>
  tables
    .filter(({ id, routes, limit }) => place.tables.includes(id) && routes >= (limit ?? Number.POSITIVE_INFINITY) * 0.9)
    .map(({ id, routes, limit }) => ({
      code: 'W_CLOUD_TABLE_FULL',
      message: `route table ${id} holds ${routes} routes, and ${limit} is what it may hold unless more were asked for`,
      hint: 'Ask the cloud for a higher quota, or give the nodes fewer, larger subnets.',
    }));
