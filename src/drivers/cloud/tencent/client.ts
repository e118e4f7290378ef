import type { CloudEntry } from '../../../kinds/cloud-route.js';
import type { CloudInterface } from '../../../model/cloud.js';
import { contains, type Prefix, tryAddress } from '../../../model/ip.js';
import type { JsonObject } from '../../../model/json.js';
import type { CloudClient, CloudEdge } from '../client.js';
import { reasonOf } from '../cloud-error.js';
import type { Credentials } from '../credentials.js';
import { allPages } from '../pages.js';
import { plainMetadata, required } from '../plain-metadata.js';
import { tencentApi } from './api.js';
import { tencentCredentials } from './credentials.js';
import { DESCRIPTION, decodeTables, namesIn, type TencentTable, TO_INSTANCE } from './decode.js';

export interface TencentInit {
  readonly edge: CloudEdge;
  /** Of the network config. */
  readonly keys: Credentials | undefined;
}

const PAGE = 100;

/** Routes of a VPC of Tencent Cloud. It takes several to one destination, and spreads packets over them. */
export function tencentClient({ edge, keys }: TencentInit): CloudClient {
  const base = edge.env.TENCENTCLOUD_METADATA_ENDPOINT || 'http://metadata.tencentyun.com';
  const metadata = plainMetadata({ edge, what: 'Tencent metadata', base });
  let region: Promise<string> | undefined;
  const here = (signal: AbortSignal): Promise<string> => {
    region ??= required(metadata, 'placement/region', signal).catch((cause: unknown) => {
      region = undefined;
      throw cause;
    });
    return region;
  };
  const call = tencentApi({ edge, credentials: tencentCredentials({ edge, metadata, keys }), region: here });

  const tablesOf = async (vpcs: readonly string[], signal: AbortSignal): Promise<readonly TencentTable[]> => {
    const tables: TencentTable[] = [];
    await allPages('Tencent DescribeRouteTables', async (offset = '0') => {
      const body = { Filters: [{ Name: 'vpc-id', Values: vpcs }], Offset: offset, Limit: String(PAGE) };
      const response = await call('DescribeRouteTables', body, signal);
      tables.push(...decodeTables(response));
      const next = Number(offset) + PAGE;
      return next < Number(response.TotalCount) ? String(next) : undefined;
    });
    return tables;
  };

  const interfaceOf = async (mac: string, signal: AbortSignal) => {
    const at = (name: string) => metadata(`network/interfaces/macs/${mac}/${name}`, signal);
    const [vpc, subnet, primary, all] = [
      await at('vpc-id'),
      await at('subnet-id'),
      await at('primary-local-ipv4'),
      await at('local-ipv4s/'),
    ];
    const lines = [primary, ...(all ?? '').split('\n')].map((line) => line?.trim().replace(/\/$/, '') ?? '');
    const addresses = [...new Set(lines.flatMap((line) => tryAddress(line) ?? []))];
    const [target] = addresses;
    return vpc && target !== undefined ? { mac, vpc, subnet, target, addresses } : undefined;
  };

  const remove = async (entries: readonly CloudEntry[], signal: AbortSignal): Promise<void> => {
    for (const entry of entries) {
      const names = namesIn(entry);
      if (names === undefined) continue;
      const body = { RouteTableId: entry.table, Routes: [names] };
      await call('DeleteRoutes', body, signal).catch((cause: unknown) => {
        if (!isGone(cause)) throw cause;
      });
    }
  };

  return {
    locate: async (_how, signal) => {
      const instance = await required(metadata, 'instance-id', signal);
      const macs = (await required(metadata, 'network/interfaces/macs/', signal)).split('\n');
      const found = [];
      for (const line of macs) found.push(await interfaceOf(line.trim().replace(/\/$/, ''), signal));
      const known = found.filter((one) => one !== undefined);
      const tables = known.length === 0 ? [] : await tablesOf([...new Set(known.map(({ vpc }) => vpc))], signal);
      return {
        ...{ cloud: 'tencent-vpc', region: await here(signal), instance, denied: [] },
        interfaces: known.map(
          ({ mac, vpc, subnet, target, addresses }): CloudInterface => ({
            ...{ id: mac, target, addresses, network: vpc, networkPrefixes: [], forwards: true },
            table: tableOf({ vpc, subnet }, tables)?.id ?? '',
          }),
        ),
        tables: tables.map(({ id, vpc, routes }) => ({ id, network: vpc, routes })),
      };
    },

    routes: async ({ tables, networks }, signal) => {
      if (tables.length === 0) return [];
      const response = await call('DescribeRouteTables', { RouteTableIds: tables }, signal);
      return decodeTables(response)
        .flatMap(({ entries }) => entries)
        .filter(({ dst }) => networks.some((network) => contains(network, dst)));
    },

    put: async ({ table, dst, target, standing }, signal) => {
      const wanted = routeTo(dst, target);
      const own = standing.find((entry) => entry.target === target);
      const others = standing.filter((entry) => entry !== own);
      if (own?.state === 'disabled') {
        const items = [namesIn(own)?.RouteItemId].filter((item) => item !== undefined);
        await call('EnableRoutes', { RouteTableId: table, RouteItemIds: items }, signal);
      }
      if (own !== undefined) return remove(others, signal);
      const [first, ...rest] = others;
      const names = first && namesIn(first);
      if (names === undefined) {
        await call('CreateRoutes', { RouteTableId: table, Routes: [wanted] }, signal);
        return;
      }
      await call('ReplaceRoutes', { RouteTableId: table, Routes: [{ ...wanted, ...names }] }, signal);
      await remove(rest, signal);
    },

    remove,
  };
}

const routeTo = (dst: Prefix, target: string): JsonObject => ({
  ...{ DestinationCidrBlock: dst, GatewayType: TO_INSTANCE, GatewayId: target },
  ...{ RouteDescription: DESCRIPTION, Enabled: true },
});

const isGone = (cause: unknown): boolean => reasonOf(cause)?.startsWith('ResourceNotFound') === true;

interface InSubnet {
  readonly vpc: string;
  readonly subnet: string | undefined;
}

/** The table of the subnet, or else the network's main one. */
const tableOf = ({ vpc, subnet }: InSubnet, tables: readonly TencentTable[]): TencentTable | undefined =>
  tables.find(({ subnets }) => subnet !== undefined && subnets.includes(subnet)) ??
  tables.find((table) => table.isMain && table.vpc === vpc);
