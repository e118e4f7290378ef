import type { Link, VxlanSettings } from '../../kinds/link.js';
import { familyOf } from '../../model/ip.js';
import type { VxlanInfo } from '../../netlink/wire/vxlan.js';
import type { Links } from './links.js';

type VxlanPart = Pick<Link, 'local' | 'underlay' | 'learning'> & { readonly fixed: VxlanSettings };

/** What a VXLAN device is, as its link says it. */
export function vxlanOf(info: VxlanInfo, links: Links): VxlanPart {
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
