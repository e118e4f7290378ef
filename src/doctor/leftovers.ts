import { contains, tryPrefix } from '../model/ip.js';
import { type Network, networksOf } from '../model/network.js';
import type { OverlayFacts } from './facts.js';
import { type Check, type Finding, found, NO_OVERLAY } from './finding.js';

/** What earlier runs of flan or flanneld left, and what it does. */
export const leftovers: Check = {
  name: 'leftovers',
  judge: ({ overlay }) => {
    if (overlay === undefined) return NO_OVERLAY;
    return found([...otherFilter(overlay), ...oldRules(overlay), ...oldDevices(overlay)], 'none');
  },
};

const otherFilter = ({ leftRules }: OverlayFacts): Finding[] =>
  leftRules.map((key) => ({
    code: 'D_RULES_LEFT',
    severity: 'warning',
    what: `${key} holds rules of ours that nothing asks for: packets meet both them and those in force`,
    fix: 'Run `flan prune`.',
  }));

/** flanneld before 0.17 wrote rules without chain and comment, which no later version removes. */
export function isOldFlannelRule(line: string, network: Network): boolean {
  if (!/^-A (POSTROUTING|FORWARD) /.test(line) || line.includes('--comment')) return false;
  if (!/ -j (ACCEPT|RETURN|MASQUERADE)( --random-fully)?$/.test(line)) return false;
  if (/ -[iop] | -m /.test(line)) return false;
  const prefixes = [...line.matchAll(/ -[sd] (\S+)/g)].flatMap(([, text = '']) => tryPrefix(text) ?? []);
  return prefixes.some((prefix) => networksOf(network).includes(prefix));
}

function oldRules({ iptables, network }: OverlayFacts): Finding[] {
  const lines = iptables.filter((line) => isOldFlannelRule(line, network));
  const [first] = lines;
  if (first === undefined) return [];
  return [
    {
      code: 'D_RULES_OLD',
      severity: 'warning',
      what: `${lines.length} packet filter ${lines.length === 1 ? 'rule' : 'rules'} of an old flanneld, the first is: ${first}`,
      fix: 'Remove each by the same words with -D for -A, once you have seen that nobody else made it.',
    },
  ];
}

/** By flannel's names; those of the backend in use are the plan's business. */
const FLANNEL_DEVICE = /^flannel([.-].+|\d+)$/;

function oldDevices({ links, devices, network }: OverlayFacts): Finding[] {
  return links
    .filter(({ name }) => FLANNEL_DEVICE.test(name) && !devices.some((device) => device.name === name))
    .filter(
      ({ addresses }) =>
        addresses.length === 0 ||
        addresses.every(({ scope }) => scope === 'link') ||
        addresses.some(({ address }) => networksOf(network).some((whole) => contains(whole, address))),
    )
    .map(({ name }) => ({
      code: 'D_DEVICE_LEFT',
      severity: 'warning',
      what: `${name} is a device of flannel's that the backend in use does not need`,
      fix: `Run \`flan prune\` if flan made it; else \`ip link del ${name}\`, once flanneld is stopped.`,
    }));
}
