import { addressKind } from '../../kinds/address.js';
import { fdbKind } from '../../kinds/fdb.js';
import { linkKey } from '../../kinds/link.js';
import { neighbourKind } from '../../kinds/neighbour.js';
import { routeKind } from '../../kinds/route.js';
import { ruleKind } from '../../kinds/rule.js';
import type { AddressMessage } from '../../netlink/wire/address.js';
import { RTN_LOCAL } from '../../netlink/wire/constants.js';
import type { RouteEvent } from '../../netlink/wire/event.js';
import type { LinkMessage } from '../../netlink/wire/link.js';
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

/**
 * Turns kernel events into notices. The kernel tells the changes of one table in their order, so the last event about a
 * key is its state; only where an event cannot say that (links going down take IPv4 routes along silently) is it a doubt.
 */
export function translator(scope: Scope, links: Links): (event: RouteEvent) => readonly Notice[] {
  const isCandidate = routeFilter(scope);
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
    if (!isCandidate(message)) return notices;
    const resource = routeOf(message, links);
    const by = message.protocol === protocol ? undefined : `routing protocol ${message.protocol}`;
    return [...notices, told(routeKind, resource, event, by)];
  };

  const aboutLink = (event: RouteEvent, message: LinkMessage): Notice[] => {
    const { name = '' } = message;
    const isGone = event.verb === 'gone';
    const before = isGone ? links.delete(message.index) : links.put(message);
    if (!isGone && before !== undefined && !hasMoved(before, message)) return [];
    const notices: Notice[] = [];
    const key = linkKey(name);
    if ((before !== undefined && own(before)) || own(message) || scope.wants(key)) {
      const resource = linkOf(message, links);
      notices.push(isGone ? { type: 'gone', key } : { type: 'seen', key, resource });
    }
    // Containers come and go by their veth ends, and no route of ours leads through one.
    if (message.info?.kind === 'veth' && !own(message) && !links.isUsed(name)) return notices;
    const what = isGone ? 'was deleted' : before === undefined ? 'appeared' : 'changed';
    notices.push({ type: 'host', why: `link ${name} ${what}` });
    if (links.isUsed(name) || (before?.name !== undefined && links.isUsed(before.name))) {
      notices.push({ type: 'doubt', why: `link ${name} ${what}` });
    }
    return notices;
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

  return (event) => {
    switch (event.about) {
      case 'route':
        return aboutRoute(event, event.message);
      case 'link':
        return aboutLink(event, event.message);
      case 'address':
        return aboutAddress(event, event.message);
      case 'neighbour': {
        const neighbour = neighbourOf(event.message, links);
        const link = links.byIndex(event.message.ifindex);
        const isOwn = link !== undefined && own(link);
        return neighbour && isOwn ? [told(neighbourKind, neighbour, event)] : [];
      }
      case 'fdb': {
        const entry = fdbOf(event.message, links, own);
        return entry?.onOwnLink ? [told(fdbKind, entry, event)] : [];
      }
      case 'rule': {
        const rule = ruleOf(event.message);
        return rule.proto === protocol || scope.wants(ruleKind.key(rule)) ? [told(ruleKind, rule, event)] : [];
      }
    }
  };
}

/** Whether anything changed that flan looks at; counters and statistics make events too. */
const hasMoved = (before: LinkMessage, now: LinkMessage): boolean =>
  isUp(before) !== isUp(now) ||
  before.name !== now.name ||
  before.mtu !== now.mtu ||
  before.mac !== now.mac ||
  before.alias !== now.alias ||
  before.info?.kind !== now.info?.kind ||
  !sameValue(before.info?.vxlan, now.info?.vxlan);
