import { type LeaseSubnets, leaseKey } from '../../model/lease.js';
import type { Folder } from './folder.js';
import { keyName, type Layout, toBytes } from './keys.js';
import { type Compare, type KeyValue, RESULT, TARGET } from './proto.js';

/** Conditions of transactions: what must still hold for a decision made from an earlier reading to be carried out. */

/** Nobody has written or removed this key since it was read. */
export const unchanged = ({ key, modRevision }: KeyValue): Compare => ({
  result: RESULT.equal,
  target: TARGET.mod,
  key,
  modRevision,
});

/** No lease has come into being since the folder was read; renewals do not count. */
export const nobodyCame = (layout: Layout, { revision }: Folder): Compare => ({
  result: RESULT.less,
  target: TARGET.create,
  key: toBytes(layout.folder),
  rangeEnd: toBytes(layout.folderEnd),
  createRevision: revision + 1,
});

/**
 * No lease holds these subnets of one family, alone or beside a subnet of the other one: `10.5.52.0-24` and
 * `10.5.52.0-24&…` are one range of keys. Lets many nodes take different subnets at the same moment.
 */
export function nobodyHolds(layout: Layout, subnets: LeaseSubnets): Compare {
  const name = keyName(layout, leaseKey(subnets));
  return {
    result: RESULT.equal,
    target: TARGET.version,
    key: toBytes(name),
    rangeEnd: toBytes(`${name}'`), // the character after '&'
    version: 0,
  };
}
