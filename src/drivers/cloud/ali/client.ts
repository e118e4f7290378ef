import { randomUUID } from 'node:crypto';
import type { CloudEntry } from '../../../kinds/cloud-route.js';
import { contains, tryAddress, tryPrefix } from '../../../model/ip.js';
import type { CloudClient, CloudEdge } from '../client.js';
import { CloudError, reasonOf } from '../cloud-error.js';
import type { Credentials } from '../credentials.js';
import { textOf } from '../json.js';
import { allPages } from '../pages.js';
import { plainMetadata, required } from '../plain-metadata.js';
import { aliApi } from './api.js';
import { aliCredentials } from './credentials.js';
import { type AliTable, decodeEntries, decodeTables, NAME, TO_INSTANCE } from './decode.js';

export interface AliInit {
  readonly edge: CloudEdge;
  /** Of the network config. */
  readonly keys: Credentials | undefined;
}

const PAGE = 50;
/** @see alibabacloud.com/help/en/vpc/api-createrouteentries */
const ROUTES_PER_TABLE = 200;

/** Routes of a VPC of Alibaba Cloud: unique by destination, and made in the background, one at a time. */
export function aliClient({ edge, keys }: AliInit): CloudClient {
  const metadata = plainMetadata({
    ...{ edge, what: 'Alibaba metadata', base: edge.env.METADATA_ENDPOINT || 'http://100.100.100.200' },
    tokens: {
      lifetime: 'x-aliyun-ecs-metadata-token-ttl-seconds',
      carried: 'x-aliyun-ecs-metadata-token',
      isRequired: edge.env.ALIBABA_CLOUD_IMDSV1_DISABLED?.toLowerCase() === 'true',
    },
  });
  let region: Promise<string> | undefined;
  const here = (signal: AbortSignal): Promise<string> => {
    region ??= required(metadata, 'region-id', signal).catch((cause: unknown) => {
      region = undefined;
      throw cause;
    });
    return region;
  };
  const call = aliApi({ edge, credentials: aliCredentials({ edge, metadata, keys }), region: here });

  const tablesOf = async (vpc: string, signal: AbortSignal): Promise<readonly AliTable[]> => {
    const tables: AliTable[] = [];
    await allPages('Alibaba DescribeRouteTableList', async (page = '1') => {
      const parameters = { VpcId: vpc, PageNumber: page, PageSize: String(PAGE) };
      const answer = await call('DescribeRouteTableList', parameters, signal);
      tables.push(...decodeTables(answer));
      return Number(page) * PAGE < Number(answer.TotalCount) ? String(Number(page) + 1) : undefined;
    });
    return tables;
  };

  const entriesOf = async (table: string, signal: AbortSignal): Promise<readonly CloudEntry[]> => {
    const entries: CloudEntry[] = [];
    await allPages('Alibaba DescribeRouteEntryList', async (token) => {
      const parameters = {
        RouteTableId: table,
        RouteEntryType: 'Custom',
        MaxResult: '100',
        ...(token && { NextToken: token }),
      };
      const answer = await call('DescribeRouteEntryList', parameters, signal);
      entries.push(...decodeEntries(answer, table));
      return textOf(answer, 'NextToken');
    });
    return entries;
  };

  /** Asks without doing. */
  const isDenied = async (table: string, instance: string, signal: AbortSignal): Promise<boolean> => {
    const route = {
      RouteTableId: table,
      DestinationCidrBlock: '198.51.100.0/24',
      NextHopType: TO_INSTANCE,
      NextHopId: instance,
    };
    try {
      await call('CreateRouteEntry', { ...route, DryRun: 'true' }, signal);
    } catch (cause) {
      if (!(cause instanceof CloudError)) throw cause;
      return cause.code === 'E_CLOUD_PERMISSION';
    }
    return false;
  };

  return {
    locate: async (how, signal) => {
      const at = (path: string) => required(metadata, path, signal);
      const [instance, vpc, vswitch, mac] = [
        await at('instance-id'),
        await at('vpc-id'),
        await at('vswitch-id'),
        await at('mac'),
      ];
      const listed = await metadata(`network/interfaces/macs/${mac}/private-ipv4s`, signal);
      const texts = [await at('private-ipv4'), ...(listed ?? '').split(/[\s,[\]"]+/)];
      const tables = await tablesOf(vpc, signal);
      const table =
        tables.find(({ switches }) => switches.includes(vswitch)) ?? tables.find(({ isSystem }) => isSystem);
      const held = table === undefined ? [] : await entriesOf(table.id, signal);
      const isRefused = how === 'probe' && table !== undefined && (await isDenied(table.id, instance, signal));
      return {
        ...{ cloud: 'ali-vpc', region: await here(signal), instance },
        interfaces: [
          {
            ...{ id: mac, target: instance, network: vpc, table: table?.id ?? '', forwards: true },
            addresses: [...new Set(texts.flatMap((text) => tryAddress(text) ?? []))],
            networkPrefixes: [await metadata('vswitch-cidr-block', signal)].flatMap(
              (text) => tryPrefix(text ?? '') ?? [],
            ),
          },
        ],
        tables: tables.map(({ id }) => ({
          ...{ id, network: vpc, limit: ROUTES_PER_TABLE },
          routes: id === table?.id ? held.length : 0,
        })),
        denied: isRefused ? ['vpc:CreateRouteEntry'] : [],
      };
    },

    routes: async ({ tables, networks }, signal) => {
      const entries: CloudEntry[] = [];
      for (const table of tables) entries.push(...(await entriesOf(table, signal)));
      return entries.filter(({ dst }) => networks.some((network) => contains(network, dst)));
    },

    put: async ({ table, dst, target, standing }, signal) => {
      const [first] = standing;
      if (first === undefined) {
        const named = { RouteEntryName: NAME, Description: 'made by flan', ClientToken: randomUUID() };
        const route = { RouteTableId: table, DestinationCidrBlock: dst, NextHopType: TO_INSTANCE, NextHopId: target };
        await call('CreateRouteEntry', { ...route, ...named }, signal);
        return;
      }
      // It leads here already, and is not ready yet.
      if (first.target === target || first.id === undefined) return;
      const parameters = {
        RouteEntryId: first.id,
        NewNextHopType: TO_INSTANCE,
        NewNextHopId: target,
        RouteEntryName: NAME,
      };
      await call('ModifyRouteEntry', parameters, signal);
    },

    remove: async (entries, signal) => {
      for (const { id } of entries) {
        if (id === undefined) continue;
        await call('DeleteRouteEntry', { RouteEntryId: id }, signal).catch((cause: unknown) => {
          if (!reasonOf(cause)?.startsWith('InvalidRouteEntry')) throw cause;
        });
      }
    },
  };
}
