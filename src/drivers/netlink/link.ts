import { FlanError } from '../../errors.js';
import type { Link, VxlanSettings } from '../../kinds/link.js';
import { familyOf } from '../../model/ip.js';
import { IFF_UP } from '../../netlink/wire/constants.js';
import { addLink, deleteLink, type LinkFields, type LinkMessage, setLink } from '../../netlink/wire/link.js';
import type { LinkInfo } from '../../netlink/wire/link-info.js';
import type { Request } from '../../netlink/wire/request.js';
import { sameValue } from '../../planner/kind.js';
import type { NetlinkCodec } from './codec.js';
import { isUp, type Links } from './links.js';
import { vxlanOf } from './vxlan.js';

function vxlanSettings({ type, name, fixed }: Link): VxlanSettings {
  if ('vni' in fixed) return fixed;
  throw new FlanError('E_BUG', `flan does not make links of type '${type}'`, { where: `link/${name}` });
}

type Changeable = Pick<Link, 'local' | 'underlay' | 'learning'>;

/** IFLA_LINKINFO of what can change while the device exists. */
const changeable = ({ local, underlay, learning }: Changeable, links: Links): LinkInfo['vxlan'] => ({
  ...(underlay !== undefined && { underlay: links.indexOf(underlay) }),
  ...(local !== undefined && (familyOf(local) === 4 ? { local } : { local6: local })),
  ...(learning !== undefined && { learning }),
});

function make(link: Link, links: Links): Request[] {
  const { name, mtu, mac, alias, up } = link;
  const { vni, port, gbp } = vxlanSettings(link);
  const vxlan = { vni, port, ...changeable(link, links), ...(gbp && { gbp: true as const }) };
  const flags = { flags: up ? IFF_UP : 0, change: IFF_UP };
  return [
    ...rivals(link, links).map(({ index }) => deleteLink({ index })),
    addLink({ name, mtu, ...(mac && { mac }), info: { kind: 'vxlan', vxlan } }),
    // The alias cannot be set while the link is made; by the name it is found right after.
    setLink({ name, alias, ...flags }),
  ];
}

/** Our own device under a name that somebody gave it: the kernel has one device per VNI and port. */
function rivals(link: Link, links: Links): LinkMessage[] {
  const { vni, port } = vxlanSettings(link);
  return [...links.all()].filter(
    ({ name, alias, info }) =>
      name !== link.name && alias === link.alias && info?.vxlan?.vni === vni && info.vxlan.port === port,
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
  const info = changeable(differing(['local', 'underlay', 'learning']), links);
  const { up, ...plain } = differing(['mtu', 'mac', 'alias', 'up']);
  const fields: LinkFields = { ...plain, ...(up !== undefined && { flags: up ? IFF_UP : 0, change: IFF_UP }) };
  return [
    ...(Object.keys(info ?? {}).length > 0 ? [setLink({ index, info: { kind: 'vxlan', vxlan: info } })] : []),
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
  if (info?.vxlan === undefined) return { ...common, type: 'other', fixed: { infoKind: info?.kind ?? '' } };
  return { ...common, type: 'vxlan', ...vxlanOf(info.vxlan, links) };
}
