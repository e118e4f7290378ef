import { FlanError } from '../../errors.js';
import type { Link, VxlanSettings } from '../../kinds/link.js';
import { familyOf } from '../../model/ip.js';
import type { VxlanInfo } from '../../netlink/wire/vxlan.js';
import type { Changeable, LinkType } from './link-type.js';
import type { Links } from './links.js';

export const vxlanType: LinkType<'vxlan'> = {
  type: 'vxlan',
  make: (link, links) => {
    const { vni, port, gbp } = settingsOf(link);
    return { kind: 'vxlan', vxlan: { vni, port, ...changeable(link, links), ...(gbp && { gbp: true as const }) } };
  },
  change: (settings, links) => {
    const vxlan = changeable(settings, links);
    return Object.keys(vxlan).length === 0 ? undefined : { kind: 'vxlan', vxlan };
  },
  read: ({ vxlan }, links) => (vxlan === undefined ? undefined : vxlanOf(vxlan, links)),
  // The kernel has one device per VNI, port and family.
  excludes: (link, { vxlan }, links) => {
    if (vxlan === undefined) return false;
    const wanted = settingsOf(link);
    const { vni, port, family } = vxlanOf(vxlan, links).fixed;
    return vni === wanted.vni && port === wanted.port && family === wanted.family;
  },
};

function settingsOf({ name, type, fixed }: Link): VxlanSettings {
  if ('vni' in fixed) return fixed;
  throw new FlanError('E_BUG', `a ${type} link has the settings of something else`, { where: `link/${name}` });
}

const changeable = ({ local, underlay, learning }: Changeable, links: Links): VxlanInfo => ({
  ...(underlay !== undefined && { underlay: links.indexOf(underlay) }),
  ...(local !== undefined && (familyOf(local) === 4 ? { local } : { local6: local })),
  ...(learning !== undefined && { learning }),
});

type VxlanPart = Pick<Link, 'local' | 'underlay' | 'learning'> & { readonly fixed: VxlanSettings };

function vxlanOf(info: VxlanInfo, links: Links): VxlanPart {
  const local = info.local ?? info.local6;
  const group = info.group ?? info.group6;
  return {
    ...(local !== undefined && { local }),
    underlay: info.underlay === undefined || info.underlay === 0 ? '' : links.nameOf(info.underlay),
    learning: info.learning ?? false,
    fixed: {
      vni: info.vni ?? 0,
      port: info.port ?? 0,
      family: local === undefined ? 4 : familyOf(local),
      gbp: info.gbp ?? false,
      extras: [
        ...MODES.filter(([key]) => info[key] === true).map(([, word]) => word),
        ...(group === undefined ? [] : [`group ${group}`]),
      ],
    },
  };
}

/** Each would send packets another way than by the entries that flan makes. @see ip-link(8) */
const MODES = [
  ['collectMetadata', 'external'],
  ['proxy', 'proxy'],
  ['routeShortCircuit', 'rsc'],
  ['l2Miss', 'l2miss'],
  ['l3Miss', 'l3miss'],
] as const;
