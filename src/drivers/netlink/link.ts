import { FlanError } from '../../errors.js';
import { type Link, linkKey } from '../../kinds/link.js';
import { IFF_UP } from '../../netlink/wire/constants.js';
import { addLink, deleteLink, type LinkFields, type LinkMessage, setLink } from '../../netlink/wire/link.js';
import type { Request } from '../../netlink/wire/request.js';
import { sameValue } from '../../planner/kind.js';
import type { NetlinkCodec } from './codec.js';
import { ipipType } from './ipip.js';
import type { LinkType } from './link-type.js';
import { isUp, type Links } from './links.js';
import { tunType } from './tun.js';
import { vxlanType } from './vxlan.js';
import { wireguardType } from './wireguard.js';

const TYPES: readonly LinkType[] = [vxlanType, ipipType, wireguardType, tunType];

function typeOf({ type, name }: Link): LinkType {
  const found = TYPES.find((candidate) => candidate.type === type);
  if (found !== undefined) return found;
  throw new FlanError('E_BUG', `flan does not make links of type '${type}'`, { where: linkKey(name) });
}

function make(link: Link, links: Links): Request[] {
  const { name, mtu, mac, alias, up } = link;
  const flags = { flags: up ? IFF_UP : 0, change: IFF_UP };
  const info = typeOf(link).make(link, links);
  if (info === undefined) return [setLink({ name, mtu, alias, ...flags })];
  return [
    ...rivals(link, links).map(({ index }) => deleteLink({ index })),
    addLink({ name, mtu, ...(mac && { mac }), info }),
    // The alias cannot be set while the link is made; by the name it is found right after.
    setLink({ name, alias, ...flags }),
  ];
}

/**
 * Our own device under a name that somebody gave it, which would be in the way.
 * @throws {FlanError} E_EXISTS when one that is not ours is
 */
function rivals(link: Link, links: Links): LinkMessage[] {
  const type = typeOf(link);
  const found = [...links.all()].filter(
    ({ name, info }) => name !== link.name && info !== undefined && type.excludes(link, info, links),
  );
  const foreign = found.find(({ alias }) => alias !== link.alias);
  if (foreign === undefined) return found;
  throw new FlanError(
    'E_EXISTS',
    `${link.name} cannot be made: the kernel has one such device, and that is ${foreign.name}`,
    {
      hint: `Look at it with 'ip -d link show ${foreign.name}'; delete it if nobody needs it.`,
      where: linkKey(link.name),
      retry: true,
    },
  );
}

/**
 * Sends only what differs. Even a MAC that is set to what it was makes the kernel forget all neighbours of the device,
 * permanent ones too, and a vxlan link refuses an MTU beside its other settings.
 */
function change(link: Link, before: Link | undefined, links: Links): Request[] {
  const index = links.indexOf(link.name);
  const differing = <K extends keyof Link>(keys: readonly K[]): Partial<Pick<Link, K>> =>
    Object.fromEntries(
      keys.filter((key) => before === undefined || !sameValue(before[key], link[key])).map((key) => [key, link[key]]),
    ) as Partial<Pick<Link, K>>;
  const info = typeOf(link).change(differing(['local', 'underlay', 'learning']), links);
  const { up, ...plain } = differing(['mtu', 'mac', 'alias', 'up']);
  const fields: LinkFields = { ...plain, ...(up !== undefined && { flags: up ? IFF_UP : 0, change: IFF_UP }) };
  return [
    ...(info === undefined ? [] : [setLink({ index, info })]),
    ...(Object.keys(fields).length > 0 ? [setLink({ index, ...fields })] : []),
  ];
}

export const linkCodec: NetlinkCodec<Link> = {
  kind: 'link',
  requests: ({ verb, resource: link, before, links }) => {
    if (verb === 'delete') return [deleteLink({ name: link.name })];
    return verb === 'add' ? make(link, links) : change(link, before, links);
  },
};

export function linkOf(message: LinkMessage, links: Links): Link {
  const { name = `if${message.index}`, mtu = 0, mac, alias = '', info } = message;
  const common = { kind: 'link', name, mtu, alias, up: isUp(message), ...(mac && { mac }) } as const;
  for (const { type, read } of TYPES) {
    const settings = info && read(info, links);
    if (settings !== undefined) return { ...common, type, ...settings };
  }
  return { ...common, type: 'other', fixed: { infoKind: info?.kind ?? '' } };
}
