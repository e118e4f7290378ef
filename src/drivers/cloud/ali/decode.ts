import type { CloudEntry } from '../../../kinds/cloud-route.js';
import { tryPrefix } from '../../../model/ip.js';
import type { JsonObject } from '../../../model/json.js';
import { objectOf, objectsOf, textOf, textsOf } from '../json.js';

/** What our routes are called; flannel's have no name. */
export const NAME = 'flan-pods-of-one-node';
/** The kind of next hop that is an instance. */
export const TO_INSTANCE = 'Instance';

export interface AliTable {
  readonly id: string;
  readonly isSystem: boolean;
  readonly switches: readonly string[];
}

/** DescribeRouteTableList: one page. */
export const decodeTables = (answer: JsonObject): readonly AliTable[] =>
  objectsOf(objectOf(answer, 'RouterTableList'), 'RouterTableListType').flatMap((item): AliTable[] => {
    const id = textOf(item, 'RouteTableId');
    if (id === undefined) return [];
    const switches = textsOf(objectOf(item, 'VSwitchIds'), 'VSwitchId');
    return [{ id, isSystem: textOf(item, 'RouteTableType') === 'System', switches }];
  });

const markOf = (name: string | undefined): CloudEntry['mark'] =>
  name === undefined ? 'none' : name === NAME ? 'overlay' : 'other';

/** DescribeRouteEntryList: one page. */
export const decodeEntries = (answer: JsonObject, table: string): readonly CloudEntry[] =>
  objectsOf(objectOf(answer, 'RouteEntrys'), 'RouteEntry').flatMap((item): CloudEntry[] => {
    const dst = tryPrefix(textOf(item, 'DestinationCidrBlock') ?? '');
    if (dst === undefined) return [];
    const hops = objectsOf(objectOf(item, 'NextHops'), 'NextHop');
    const [hop] = hops;
    const id = textOf(item, 'RouteEntryId');
    const isPlain = hops.length === 1 && /^(?:Instance|NetworkInterface)$/.test(textOf(hop, 'NextHopType') ?? '');
    return [
      {
        ...{ table, dst, ...(id !== undefined && { id }) },
        target: isPlain && textOf(item, 'Type') === 'Custom' ? textOf(hop, 'NextHopId') : undefined,
        state: /^(?:Available|Created)$/.test(textOf(item, 'Status') ?? '') ? 'active' : 'pending',
        mark: markOf(textOf(item, 'RouteEntryName')),
      },
    ];
  });
