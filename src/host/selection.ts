import { compilePattern, type Settings } from '../config/settings.js';
import type { Address } from '../model/ip.js';
import type { Selection } from './rules.js';

type InterfaceSettings = Pick<Settings, 'iface' | 'ifaceRegex' | 'ifaceCanReach' | 'publicIp' | 'publicIpv6'>;

/** The settings' say in the choice of the interface. */
export const selectionOf = (settings: InterfaceSettings): Selection => ({
  iface: settings.iface,
  ifaceRegex: settings.ifaceRegex.flatMap((text) => compilePattern(text) ?? []),
  ifaceCanReach: settings.ifaceCanReach,
  publicIp: settings.publicIp,
  publicIpv6: settings.publicIpv6,
});

/** The addresses that `gatherFacts` has to ask the way to for this selection. */
export const lookupsOf = ({ ifaceCanReach }: Pick<Selection, 'ifaceCanReach'>): readonly Address[] =>
  ifaceCanReach === undefined ? [] : [ifaceCanReach];
