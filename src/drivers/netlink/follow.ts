import { addressKind } from '../../kinds/address.js';
import { fdbKind } from '../../kinds/fdb.js';
import { linkKey } from '../../kinds/link.js';
import { neighbourKey, neighbourKind } from '../../kinds/neighbour.js';
import { routeKind } from '../../kinds/route.js';
import { ruleKind } from '../../kinds/rule.js';
import type { AddressMessage } from '../../netlink/wire/address.js';
import { RTN_ANYCAST, RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST } from '../../netlink/wire/constants.js';
import type { RouteEvent } from '../../netlink/wire/event.js';
import type { LinkMessage } from '../../netlink/wire/link.js';
import type { NeighbourMessage } from '../../netlink/wire/neighbour.js';
import type { RouteMessage } from '../../netlink/wire/route.js';
import { type Kind, type Resource, sameValue } from '../../planner/kind.js';
import type { Notice, Scope } from '../driver.js';
import { addressOfMessage } from './address.js';
import { fdbOf } from './fdb.js';
import { linkOf } from './link.js';
import { isUp, type Links, ownLink } from './links.js';
import { neighbourOf } from './neighbour.js';
import { routeFilter } from './observe.js';
import { routeOf } from './route.js';
import { ruleOf } from './rule.js';

export interface TranslatorInput {
  readonly scope: Scope;
  readonly links: Links;
  /**
   * Reads a link as it is now. What a link event says is older than what its reader may have done to the link since,
   * and the kernel does not say of all of them who caused them.
   */
  readonly current: (index: number) => LinkMessage | undefined;
}

/**
 * Turns kernel events into notices. The kernel tells the changes of one table in their order, so the last event about a
 * key is its state; only where an event cannot say that (links going down take IPv4 routes along silently) is it a doubt.
 */
export function translator({ scope, links, current }: TranslatorInput): (event: RouteEvent) => readonly Notice[] {
  const isCandidate = routeFilter(scope, links);
  const { protocol } = scope.ownership;
  const own = ownLink(scope.ownership);

  const told = <R extends Resource>(kind: Kind<R>, resource: R, { verb }: RouteEvent, by?: string): Notice => {
    const key = kind.key(resource);
    const who = by === undefined ? {} : { by };
    return verb === 'gone' ? { type: 'gone', key, ...who } : { type: 'seen', key, resource, ...who };
  };

  const aboutRoute = (event: RouteEvent, message: RouteMessage): Notice[] => {
    const notices: Notice[] = [];
    if (message.dstLen === 0 && message.type !== RTN_LOCAL)
      notices.push({ type: 'host', why: 'a default route changed' });
    if (!isCandidate(message)) {
      // Whether a peer is on the same link may follow from any of them.
      const matters = scope.routesMatter === true && !OWN_ADDRESS.has(message.type) && message.dstLen !== 0;
      return matters ? [{ type: 'host', why: `the route to ${message.dst} changed` }] : notices;
    }
    // The link of this route went away and what stood there since is not meant.
    if (event.verb === 'gone' && message.oif !== undefined && links.byIndex(message.oif) === undefined) return notices;
    const resource = routeOf(message, links);
    const by = message.protocol === protocol ? undefined : `routing protocol ${message.protocol}`;
    return [...notices, told(routeKind, resource, event, by)];
  };

  const aboutLink = (event: RouteEvent, heard: LinkMessage): Notice[] =>
    event.verb === 'gone' ? linkGone(heard) : linkSeen(heard);

  const linkGone = (message: LinkMessage): Notice[] => {
    const { name = '' } = message;
    const before = links.delete(message.index);
    // Made again under its name before this was heard: who did that has looked at everything since.
    if (before === undefined && links.byName(name) !== undefined) return [];
    const key = linkKey(name);
    const isClose = own(message) || scope.wants(key);
    return [...(isClose ? [{ type: 'gone', key } as const] : []), ...aboutHost(message, `link ${name} was deleted`)];
  };

  const linkSeen = (heard: LinkMessage): Notice[] => {
    const before = links.byIndex(heard.index);
    const message = isClose(heard) || (before !== undefined && isClose(before)) ? current(heard.index) : heard;
    if (message === undefined) return []; // gone meanwhile, as an event will tell
    links.put(message);
    if (before !== undefined && !hasMoved(before, message)) return [];
    const { name = '' } = message;
    const notices: Notice[] = [];
    if (isClose(message)) notices.push({ type: 'seen', key: linkKey(name), resource: linkOf(message, links) });
    if (before?.name !== undefined && before.name !== name && isClose(before)) {
      notices.push({ type: 'gone', key: linkKey(before.name) });
    }
    const why = `link ${before?.name ?? name} ${before === undefined ? 'appeared' : 'changed'}`;
    return [...notices, ...aboutHost(before ?? message, why)];
  };

  /** Ours, or standing where one of ours belongs. */
  const isClose = (message: LinkMessage): boolean => own(message) || scope.wants(linkKey(message.name ?? ''));

  const aboutHost = (message: LinkMessage, why: string): Notice[] => {
    const isUsed = message.name !== undefined && links.isUsed(message.name);
    // Containers come and go by their veth ends, and no route of ours leads through one.
    if (message.info?.kind === 'veth' && !own(message) && !isUsed) return [];
    return [{ type: 'host', why }, ...(isUsed ? [{ type: 'doubt', why } as const] : [])];
  };

  const aboutAddress = (event: RouteEvent, message: AddressMessage): Notice[] => {
    const notices: Notice[] = [];
    const resource = addressOfMessage(message, links, own);
    const name = links.nameOf(message.index);
    if (resource?.onOwnLink) notices.push(told(addressKind, resource, event));
    const isVeth = links.byIndex(message.index)?.info?.kind === 'veth';
    if (isVeth && !links.isUsed(name)) return notices;
    const why = `an address of ${name} ${event.verb === 'gone' ? 'was deleted' : 'changed'}`;
    notices.push({ type: 'host', why });
    // With a link's last address its IPv4 routes and its neighbours go without a word.
    if (event.verb === 'gone' && (links.isUsed(name) || resource?.onOwnLink)) notices.push({ type: 'doubt', why });
    return notices;
  };

  const aboutNeighbour = (event: RouteEvent, message: NeighbourMessage): Notice[] => {
    const link = links.byIndex(message.ifindex);
    const { dst: address } = message;
    if (link?.name === undefined || address === undefined || !own(link)) return [];
    const neighbour = neighbourOf(message, links);
    // A deleted entry is first one that resolves to nothing, and as such has no MAC.
    if (neighbour === undefined) return [{ type: 'gone', key: neighbourKey({ dev: link.name, address }) }];
    return [told(neighbourKind, neighbour, event)];
  };

  return (event) => {
    switch (event.about) {
      case 'route':
        return aboutRoute(event, event.message);
      case 'link':
        return aboutLink(event, event.message);
      case 'address':
        return aboutAddress(event, event.message);
      case 'neighbour':
        return aboutNeighbour(event, event.message);
      case 'fdb': {
        const entry = fdbOf(event.message, links, own);
        return entry?.onOwnLink ? [told(fdbKind, entry, event)] : [];
      }
      case 'rule': {
        const rule = ruleOf(event.message);
        const isOurs = rule.proto === protocol || scope.wants(ruleKind.key(rule));
        if (!isOurs && scope.routesMatter) return [{ type: 'host', why: 'the routing rules changed' }];
        return isOurs ? [told(ruleKind, rule, event)] : [];
      }
    }
  };
}

/** Routes that the kernel makes of addresses, and events about those tell more. */
const OWN_ADDRESS: ReadonlySet<number> = new Set([RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST]);

/** Whether anything changed that flan looks at; counters and statistics make events too. */
const hasMoved = (before: LinkMessage, now: LinkMessage): boolean =>
  isUp(before) !== isUp(now) ||
  before.name !== now.name ||
  before.mtu !== now.mtu ||
  before.mac !== now.mac ||
  before.alias !== now.alias ||
  before.info?.kind !== now.info?.kind ||
  !sameValue(before.info?.vxlan, now.info?.vxlan) ||
  !sameValue(before.info?.ipip, now.info?.ipip);
