import { asFlanError, FlanError } from '../../errors.js';
import { kinds } from '../../kinds/index.js';
import { type Link, linkKey } from '../../kinds/link.js';
import type { CommandSocket } from '../../netlink/command.js';
import { dumpLinks, findLink } from '../../netlink/dumps.js';
import { MonitorSocket } from '../../netlink/monitor.js';
import {
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
} from '../../netlink/wire/constants.js';
import { decodeEvent } from '../../netlink/wire/event.js';
import type { Key, Resource } from '../../planner/kind.js';
import type { Step } from '../../planner/plan.js';
import { subjectOf } from '../../planner/step.js';
import type { Driver, Observation, Outcome, Scope } from '../driver.js';
import { addressCodec } from './address.js';
import { devOf, type NetlinkCodec } from './codec.js';
import { fdbCodec } from './fdb.js';
import { translator } from './follow.js';
import { linkCodec } from './link.js';
import { Links } from './links.js';
import { neighbourCodec } from './neighbour.js';
import { observe } from './observe.js';
import { perform } from './perform.js';
import { isByGateway, routeCodec } from './route.js';
import { routeScopes } from './route-scopes.js';
import { ruleCodec } from './rule.js';

// Each codec is checked against its own resource type where it is written; the table only forgets which one that is.
const CODECS = [
  linkCodec,
  addressCodec,
  neighbourCodec,
  fdbCodec,
  routeCodec,
  ruleCodec,
] as readonly unknown[] as NetlinkCodec[];
const CODEC_OF = new Map(CODECS.map((codec) => [codec.kind, codec]));

const GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
];

function codecOf(kind: string): NetlinkCodec {
  const codec = CODEC_OF.get(kind);
  if (codec === undefined) throw new FlanError('E_BUG', `netlink does not serve '${kind}'`);
  return codec;
}

/** Links, addresses, neighbours, FDB entries, routes and rules of one network namespace, over rtnetlink. */
export function netlinkDriver({ socket, netns }: { readonly socket: CommandSocket; readonly netns?: string }): Driver {
  const links = new Links();
  const scopes = routeScopes();
  const monitors = new Set<MonitorSocket>();
  let scope: Scope | undefined;

  const look = (seen: Scope): Observation => {
    scope = seen;
    for (const dev of seen.devices ?? []) links.use(dev);
    const observation = observe({ socket, links, scope: seen });
    scopes.restart(observation.resources.filter(isByGateway).length);
    for (const resource of observation.resources) links.use(devOf(resource));
    return observation;
  };
  const reread = (): ReadonlyMap<Key, Resource> => {
    const found = scope === undefined ? [] : observe({ socket, links, scope }).resources;
    // Backwards, so that of several routes under one key the first stays: the one that packets follow.
    return new Map(found.map((resource) => [kinds.key(resource), resource] as const).reverse());
  };

  const lookAtLink = (name: string): void => {
    const before = links.byName(name);
    if (before !== undefined) links.delete(before.index);
    const now = findLink(socket, { name });
    if (now !== undefined) links.put(now);
  };
  const isDesiredLink = (name: string): boolean => scope?.wants(linkKey(name)) === true;

  return {
    name: 'netlink',
    kinds: CODECS.map(({ kind }) => kind),
    observe: async (seen) => {
      // Reading is one long system call: those that ask other processes get to start them first.
      await undefined;
      return look(seen);
    },
    perform: async (steps: readonly Step[]): Promise<readonly Outcome[]> => {
      if (links.isEmpty()) links.replaceAll(dumpLinks(socket));
      for (const step of steps) links.use(devOf(subjectOf(step)));
      const outcomes = perform({ steps, socket, links, scopes, codecOf, reread, isDesiredLink });
      // Later steps name links that these have just made. Only those are read again: if others were, their events, which
      // are still to be heard, would look like old news.
      for (const step of steps) if (subjectOf(step).kind === 'link') lookAtLink((subjectOf(step) as Link).name);
      return outcomes;
    },
    follow: async (seen, tell, signal) => {
      scope ??= seen;
      for (const dev of seen.devices ?? []) links.use(dev);
      const translate = translator({ scope: seen, links, current: (index) => findLink(socket, { index }) });
      // What was not heard may have been about anything.
      const lost = (why: string): void => {
        tell({ type: 'doubt', why });
        tell({ type: 'host', why });
      };
      const monitor = MonitorSocket.open({
        netns,
        groups: GROUPS,
        deafTo: socket.portId,
        onMessage: (message) => {
          const event = decodeEvent(message);
          if (event !== undefined) for (const notice of translate(event)) tell(notice);
        },
        onOverrun: () => lost('kernel events were lost (ENOBUFS)'),
        onError: (error) => lost(asFlanError(error).message),
      });
      monitors.add(monitor);
      const leave = (): void => {
        monitor.close();
        monitors.delete(monitor);
      };
      signal.addEventListener('abort', leave, { once: true });
      links.replaceAll(dumpLinks(socket));
    },
    echo: async () => {
      await Promise.all([...monitors].map((monitor) => monitor.echo()));
    },
    close: () => {
      for (const monitor of monitors) monitor.close();
      monitors.clear();
      socket.close();
    },
  };
}
