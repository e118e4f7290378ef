import type { CloudEntry } from '../../../kinds/cloud-route.js';
import { tryPrefix } from '../../../model/ip.js';
import type { JsonObject } from '../../../model/json.js';
import { objectsOf, textOf } from '../json.js';

/** What our routes say of themselves; flannel's say nothing. */
export const DESCRIPTION = 'flan: pods of one node';
/** The kind of next hop that is an instance, by its private address. */
export const TO_INSTANCE = 'NORMAL_CVM';

export interface TencentTable {
  readonly id: string;
  readonly vpc: string;
  readonly isMain: boolean;
  readonly subnets: readonly string[];
  readonly routes: number;
  readonly entries: readonly CloudEntry[];
}

/** DescribeRouteTables: one page. */
export const decodeTables = (response: JsonObject): readonly TencentTable[] =>
  objectsOf(response, 'RouteTableSet').flatMap((item): TencentTable[] => {
    const [id, vpc] = [textOf(item, 'RouteTableId'), textOf(item, 'VpcId')];
    if (id === undefined || vpc === undefined) return [];
    const routes = objectsOf(item, 'RouteSet');
    return [
      {
        ...{ id, vpc, isMain: item.Main === true, routes: routes.length },
        subnets: objectsOf(item, 'AssociationSet').flatMap((one) => textOf(one, 'SubnetId') ?? []),
        entries: routes.flatMap((route) => decodeRoute(id, route) ?? []),
      },
    ];
  });

const markOf = (said: string | undefined): CloudEntry['mark'] =>
  said === undefined ? 'none' : said === DESCRIPTION ? 'overlay' : 'other';

function decodeRoute(table: string, route: JsonObject): CloudEntry | undefined {
  const dst = tryPrefix(textOf(route, 'DestinationCidrBlock') ?? '');
  if (dst === undefined) return undefined;
  const isMade = textOf(route, 'RouteType') === 'USER' && textOf(route, 'GatewayType') === TO_INSTANCE;
  const names = namesOf(route);
  return {
    ...{ table, dst, target: isMade ? textOf(route, 'GatewayId') : undefined },
    ...(names !== undefined && { id: JSON.stringify(names) }),
    state: route.Enabled === false ? 'disabled' : 'active',
    mark: markOf(textOf(route, 'RouteDescription')),
  };
}

/**
 * A route has a number, which its documentation asks for, and a name, which it recommends: both are sent back.
 * @see cloud.tencent.com/document/api/215/15824#Route
 */
export interface TencentRouteNames {
  readonly RouteId?: number;
  readonly RouteItemId?: string;
}

function namesOf(route: JsonObject): TencentRouteNames | undefined {
  const { RouteId: number } = route;
  const name = textOf(route, 'RouteItemId');
  if (name === undefined && typeof number !== 'number') return undefined;
  return { ...(typeof number === 'number' && { RouteId: number }), ...(name !== undefined && { RouteItemId: name }) };
}

/** The names in the id of an entry. */
export const namesIn = ({ id }: CloudEntry): (TencentRouteNames & JsonObject) | undefined =>
  id === undefined ? undefined : (JSON.parse(id) as TencentRouteNames & JsonObject);
