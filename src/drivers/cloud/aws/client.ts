import type { CloudInterface } from '../../../model/cloud.js';
import { contains, tryPrefix } from '../../../model/ip.js';
import type { CloudClient, CloudEdge } from '../client.js';
import { CloudError, malformed, reasonOf } from '../cloud-error.js';
import { allPages } from '../pages.js';
import { awsCredentials } from './credentials.js';
import { decodeInterfaces, decodeTables, type Ec2Interface, type Ec2Table, nextTokenOf } from './decode.js';
import { awsMetadata } from './metadata.js';
import { ec2Query, type Parameters } from './query.js';

export interface AwsInit {
  readonly edge: CloudEdge;
  /** The tables that the network config names. */
  readonly tables: readonly string[];
}

/** What EC2 grants who has not asked for more. @see docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html */
const ROUTES_PER_TABLE = 500;
const PAGE = '100';

/** Routes of an Amazon VPC. */
export function awsClient({ edge, tables: named }: AwsInit): CloudClient {
  const metadata = awsMetadata(edge);
  let place: Promise<{ readonly region: string; readonly instance: string }> | undefined;
  const whereAmI = (signal: AbortSignal) => {
    place ??= readPlace(signal).catch((cause: unknown) => {
      place = undefined;
      throw cause;
    });
    return place;
  };
  const readPlace = async (signal: AbortSignal) => {
    const [region, zone, instance] = [
      await metadata.get('placement/region', signal),
      await metadata.get('placement/availability-zone', signal),
      await metadata.get('instance-id', signal),
    ];
    const ofZone = /^[a-z]+(?:-[a-z]+)+-\d+/.exec(zone ?? '')?.[0];
    if ((region ?? ofZone) === undefined || !instance)
      throw malformed('EC2 instance metadata', 'no region or instance-id');
    return { region: region ?? ofZone ?? '', instance };
  };
  const region = async (): Promise<string> => (await whereAmI(new AbortController().signal)).region;
  const credentials = awsCredentials(edge, metadata, region);
  const call = ec2Query({ edge, credentials, region });

  const allTables = async (vpcs: readonly string[], signal: AbortSignal): Promise<readonly Ec2Table[]> => {
    const tables: Ec2Table[] = [];
    const wanted = { 'Filter.1.Name': 'vpc-id', ...listed('Filter.1.Value', vpcs), MaxResults: PAGE };
    await allPages('EC2 DescribeRouteTables', async (token) => {
      const root = await call('DescribeRouteTables', { ...wanted, ...(token && { NextToken: token }) }, signal);
      tables.push(...decodeTables(root));
      return nextTokenOf(root);
    });
    return tables;
  };

  /** Asks without doing: EC2 says first whether it would be permitted. */
  const isDenied = async (action: string, parameters: Parameters, signal: AbortSignal): Promise<boolean> => {
    try {
      await call(action, { ...parameters, DryRun: 'true' }, signal);
    } catch (cause) {
      if (!(cause instanceof CloudError)) throw cause;
      return cause.code === 'E_CLOUD_PERMISSION';
    }
    return false;
  };
  const deniedOf = async (interfaces: readonly CloudInterface[], signal: AbortSignal): Promise<readonly string[]> => {
    const [first] = interfaces;
    if (first === undefined) return [];
    // A destination for documents (RFC 5737): nobody has a route there.
    const route = { RouteTableId: named[0] ?? first.table, DestinationCidrBlock: '198.51.100.0/24' };
    const trials: readonly (readonly [string, Parameters])[] = [
      ['CreateRoute', { ...route, NetworkInterfaceId: first.target }],
      ['ReplaceRoute', { ...route, NetworkInterfaceId: first.target }],
      ['DeleteRoute', route],
      ...(first.forwards
        ? []
        : [
            [
              'ModifyNetworkInterfaceAttribute',
              { NetworkInterfaceId: first.id, 'SourceDestCheck.Value': 'false' },
            ] as const,
          ]),
    ];
    const denied = await Promise.all(trials.map(([action, parameters]) => isDenied(action, parameters, signal)));
    return trials.flatMap(([action], i) => (denied[i] === true ? [`ec2:${action}`] : []));
  };

  return {
    locate: async (how, signal) => {
      const { region: here, instance } = await whereAmI(signal);
      const found = decodeInterfaces(await call('DescribeInstances', { 'InstanceId.1': instance }, signal));
      const vpcs = [...new Set(found.map(({ vpc }) => vpc))];
      const tables = vpcs.length === 0 ? [] : await allTables(vpcs, signal);
      const interfaces: CloudInterface[] = [];
      for (const one of found) {
        const blocks =
          one.mac && (await metadata.get(`network/interfaces/macs/${one.mac}/vpc-ipv4-cidr-blocks`, signal));
        interfaces.push({
          ...{ id: one.id, target: one.id, addresses: one.addresses, network: one.vpc, forwards: !one.isChecked },
          networkPrefixes: (blocks ?? '').split('\n').flatMap((block) => tryPrefix(block.trim()) ?? []),
          table: tableOf(one, tables)?.id ?? '',
        });
      }
      return {
        ...{ cloud: 'aws-vpc', region: here, instance, interfaces },
        tables: tables.map(({ id, vpc, routes }) => ({ id, network: vpc, routes, limit: ROUTES_PER_TABLE })),
        denied: how === 'probe' ? await deniedOf(interfaces, signal) : [],
      };
    },

    routes: async ({ tables, networks }, signal) => {
      if (tables.length === 0) return [];
      const root = await call('DescribeRouteTables', listed('RouteTableId', tables), signal);
      return decodeTables(root)
        .flatMap(({ entries }) => entries)
        .filter(({ dst }) => networks.some((network) => contains(network, dst)));
    },

    put: async ({ table, dst, target, standing }, signal) => {
      const parameters = { RouteTableId: table, DestinationCidrBlock: dst, NetworkInterfaceId: target };
      const create = () => call('CreateRoute', parameters, signal);
      if (standing.length === 0) {
        await create();
        return;
      }
      await call('ReplaceRoute', parameters, signal).catch((cause: unknown) => {
        if (!isGone(cause)) throw cause;
        return create();
      });
    },

    remove: async (entries, signal) => {
      for (const { table, dst } of entries) {
        await call('DeleteRoute', { RouteTableId: table, DestinationCidrBlock: dst }, signal).catch(
          (cause: unknown) => {
            if (!isGone(cause)) throw cause;
          },
        );
      }
    },

    setForwarding: async ({ interface: id, allowed }, signal) => {
      const check = { NetworkInterfaceId: id, 'SourceDestCheck.Value': String(!allowed) };
      await call('ModifyNetworkInterfaceAttribute', check, signal);
    },
  };
}

/** EC2 says "There is no route defined" with a word that it uses for much else. */
const isGone = (cause: unknown): boolean =>
  reasonOf(cause) === 'InvalidRoute.NotFound' ||
  (reasonOf(cause) === 'InvalidParameterValue' && cause instanceof Error && cause.message.includes('no route'));

/** The table of the subnet, or else the network's main one. */
const tableOf = ({ subnet, vpc }: Ec2Interface, tables: readonly Ec2Table[]): Ec2Table | undefined =>
  tables.find(({ subnets }) => subnet !== undefined && subnets.includes(subnet)) ??
  tables.find((table) => table.isMain && table.vpc === vpc);

const listed = (name: string, values: readonly string[]): Parameters =>
  Object.fromEntries(values.map((value, i) => [`${name}.${i + 1}`, value]));
