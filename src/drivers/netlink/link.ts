import { FlanError } from '../../errors.js';
import type { Link } from '../../kinds/link.js';
import { familyOf } from '../../model/ip.js';
import { IFF_UP } from '../../netlink/wire/constants.js';
import { addLink, deleteLink, type LinkFields, type LinkMessage, setLink } from '../../netlink/wire/link.js';
import type { LinkInfo } from '../../netlink/wire/link-info.js';
import type { NetlinkCodec } from './codec.js';
import { isUp, type Links } from './links.js';

/** IFLA_LINKINFO of a link that flan makes. */
function infoOf(link: Link, links: Links): LinkInfo {
  if (!('vni' in link.fixed)) {
    throw new FlanError('E_BUG', `flan does not make links of type '${link.type}'`, { where: `link/${link.name}` });
  }
  const { vni, port, underlay, learning, gbp } = link.fixed;
  const local = link.local;
  return {
    kind: 'vxlan',
    vxlan: {
      vni,
      port,
      underlay: links.indexOf(underlay),
      learning,
      ...(gbp && { gbp: true }),
      ...(local !== undefined && (familyOf(local) === 4 ? { local } : { local6: local })),
    },
  } as LinkInfo;
}

const settings = ({ mtu, mac, alias, up }: Link): LinkFields => ({
  mtu,
  alias,
  ...(mac !== undefined && { mac }),
  flags: up ? IFF_UP : 0,
  change: IFF_UP,
});

export const linkCodec: NetlinkCodec<Link> = {
  kind: 'link',
  requests: ({ verb, resource: link, links }) => {
    if (verb === 'delete') return [deleteLink({ name: link.name })];
    if (verb === 'add') {
      const { name, mtu, mac } = link;
      // The alias cannot be set while the link is made; by the name it is found right after.
      return [
        addLink({ name, mtu, ...(mac && { mac }), info: infoOf(link, links) }),
        setLink({ name, ...settings(link) }),
      ];
    }
    return [setLink({ index: links.indexOf(link.name), ...settings(link), info: infoOf(link, links) })];
  },
};

export function linkOf(message: LinkMessage, links: Links): Link {
  const { name = `if${message.index}`, mtu = 0, mac, alias = '', info } = message;
  const common = { kind: 'link', name, mtu, alias, up: isUp(message), ...(mac && { mac }) } as const;
  const vxlan = info?.vxlan;
  if (vxlan === undefined) return { ...common, type: 'other', fixed: { infoKind: info?.kind ?? '' } };
  const local = vxlan.local ?? vxlan.local6;
  return {
    ...common,
    type: 'vxlan',
    ...(local !== undefined && { local }),
    fixed: {
      vni: vxlan.vni ?? 0,
      port: vxlan.port ?? 0,
      underlay: vxlan.underlay === undefined ? '' : links.nameOf(vxlan.underlay),
      learning: vxlan.learning ?? false,
      gbp: vxlan.gbp ?? false,
    },
  };
}
