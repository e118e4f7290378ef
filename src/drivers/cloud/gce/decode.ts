import type { CloudEntry } from '../../../kinds/cloud-route.js';
import { type Address, type Prefix, tryAddress, tryPrefix } from '../../../model/ip.js';
import type { JsonObject } from '../../../model/json.js';
import { objectsOf, textOf } from '../json.js';

/** What flannel calls its routes; others with that name are the overlay's too. */
export const routeName = (dst: Prefix): string => `flannel-${dst.replace(/[./]/g, '-')}`;

/** The second name, for a moment in which both routes stand. */
export const otherName = (dst: Prefix): string => `${routeName(dst)}-b`;

/** The last two words that tell an instance from others in its project: `europe-west1-b/node-a`. */
export const instanceOf = (url: string | undefined, project: string): string | undefined => {
  const [, where, zone, name] = /\/projects\/([^/]+)\/zones\/([^/]+)\/instances\/([^/]+)$/.exec(url ?? '') ?? [];
  if (where === undefined) return undefined;
  return where === project ? `${zone}/${name}` : `${where}/${zone}/${name}`;
};

export interface GceNetwork {
  readonly project: string;
  readonly name: string;
}

export const networkOf = (url: string | undefined): GceNetwork | undefined => {
  const [, project, name] = /\/projects\/([^/]+)\/global\/networks\/([^/]+)$/.exec(url ?? '') ?? [];
  return project === undefined || name === undefined ? undefined : { project, name };
};

export interface GceInstance {
  readonly selfLink: string;
  readonly forwards: boolean;
  readonly interfaces: readonly {
    readonly name: string;
    readonly network: GceNetwork;
    readonly addresses: readonly Address[];
  }[];
}

export function decodeInstance(value: JsonObject): GceInstance | undefined {
  const selfLink = textOf(value, 'selfLink');
  if (selfLink === undefined) return undefined;
  const interfaces = objectsOf(value, 'networkInterfaces').flatMap((one): GceInstance['interfaces'] => {
    const network = networkOf(textOf(one, 'network'));
    const address = tryAddress(textOf(one, 'networkIP') ?? '');
    if (network === undefined || address === undefined) return [];
    return [{ name: textOf(one, 'name') ?? 'nic0', network, addresses: [address] }];
  });
  return { selfLink, forwards: value.canIpForward === true, interfaces };
}

/** Routes are tried from the lowest number on; flannel's are the usual ones. */
export const PRIORITY = 1000;

const NOWHERE = new Set(['NEXT_HOP_INSTANCE_NOT_FOUND', 'NEXT_HOP_NOT_RUNNING']);

/**
 * One page of routes. Those that are for some instances only, or come after ours, stand in nobody's way and are left out.
 */
export const decodeRoutes = (page: JsonObject, project: string): readonly CloudEntry[] =>
  objectsOf(page, 'items').flatMap((item): CloudEntry[] => {
    const [dst, id, network] = [
      tryPrefix(textOf(item, 'destRange') ?? ''),
      textOf(item, 'name'),
      networkOf(textOf(item, 'network')),
    ];
    const isForAll = !Array.isArray(item.tags) || item.tags.length === 0;
    const isFirst = typeof item.priority !== 'number' || item.priority <= PRIORITY;
    if (dst === undefined || id === undefined || network?.project !== project || !isForAll || !isFirst) return [];
    const isDead = objectsOf(item, 'warnings').some((warning) => NOWHERE.has(textOf(warning, 'code') ?? ''));
    return [
      {
        ...{ table: network.name, dst, id, state: isDead ? 'blackhole' : 'active' },
        target: instanceOf(textOf(item, 'nextHopInstance'), project),
        mark: id === routeName(dst) || id === otherName(dst) ? 'overlay' : 'other',
      },
    ];
  });
