import type { CloudEntry } from '../../../kinds/cloud-route.js';
import { type Address, tryAddress, tryPrefix } from '../../../model/ip.js';
import { itemsAt, textAt, type XmlElement } from './xml.js';

export interface Ec2Interface {
  readonly id: string;
  readonly mac: string | undefined;
  readonly subnet: string | undefined;
  readonly vpc: string;
  readonly addresses: readonly Address[];
  /** While EC2 checks sources and destinations it drops packets of pods. */
  readonly isChecked: boolean;
}

/** DescribeInstances: the interfaces of every instance in it. */
export const decodeInterfaces = (root: XmlElement): readonly Ec2Interface[] =>
  itemsAt(root, 'reservationSet')
    .flatMap((reservation) => itemsAt(reservation, 'instancesSet'))
    .flatMap((instance) => itemsAt(instance, 'networkInterfaceSet'))
    .flatMap((item): Ec2Interface[] => {
      const [id, vpc] = [textAt(item, 'networkInterfaceId'), textAt(item, 'vpcId')];
      if (id === undefined || vpc === undefined) return [];
      const addresses = itemsAt(item, 'privateIpAddressesSet').flatMap(
        (one) => tryAddress(textAt(one, 'privateIpAddress') ?? '') ?? [],
      );
      return [
        {
          ...{ id, vpc, addresses, mac: textAt(item, 'macAddress'), subnet: textAt(item, 'subnetId') },
          isChecked: textAt(item, 'sourceDestCheck') !== 'false',
        },
      ];
    });

export interface Ec2Table {
  readonly id: string;
  readonly vpc: string;
  readonly isMain: boolean;
  readonly subnets: readonly string[];
  readonly entries: readonly CloudEntry[];
  /** Also those of IPv6 and to prefix lists. */
  readonly routes: number;
}

/** DescribeRouteTables: one page. */
export const decodeTables = (root: XmlElement): readonly Ec2Table[] =>
  itemsAt(root, 'routeTableSet').flatMap((item): Ec2Table[] => {
    const [id, vpc] = [textAt(item, 'routeTableId'), textAt(item, 'vpcId')];
    if (id === undefined || vpc === undefined) return [];
    const associations = itemsAt(item, 'associationSet');
    const routes = itemsAt(item, 'routeSet');
    return [
      {
        ...{ id, vpc, routes: routes.length },
        isMain: associations.some((one) => textAt(one, 'main') === 'true'),
        subnets: associations.flatMap((one) => textAt(one, 'subnetId') ?? []),
        entries: routes.flatMap((route) => decodeRoute(id, route) ?? []),
      },
    ];
  });

function decodeRoute(table: string, route: XmlElement): CloudEntry | undefined {
  const dst = tryPrefix(textAt(route, 'destinationCidrBlock') ?? '');
  if (dst === undefined) return undefined;
  // EC2's routes bear no mark: of those that somebody made, only what leads to an instance can be an overlay's.
  const isMade = textAt(route, 'origin') === 'CreateRoute';
  const target = textAt(route, 'networkInterfaceId') ?? textAt(route, 'instanceId');
  return {
    ...{ table, dst, mark: 'none', target: isMade ? target : undefined },
    state: textAt(route, 'state') === 'blackhole' ? 'blackhole' : 'active',
  };
}

export const nextTokenOf = (root: XmlElement): string | undefined => textAt(root, 'nextToken');
