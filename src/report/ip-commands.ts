import type { LinkAddress } from '../kinds/address.js';
import type { FdbEntry } from '../kinds/fdb.js';
import type { TextFile } from '../kinds/file.js';
import type { IptablesRules } from '../kinds/iptables-rules.js';
import { iptablesScript } from '../kinds/iptables-script.js';
import type { Link } from '../kinds/link.js';
import type { Neighbour } from '../kinds/neighbour.js';
import { type NftTable, nftScript } from '../kinds/nft-table.js';
import type { Offload } from '../kinds/offload.js';
import { MAIN_TABLE, type Route } from '../kinds/route.js';
import type { Rule } from '../kinds/rule.js';
import type { Sysctl } from '../kinds/sysctl.js';
import type { WireguardDevice } from '../kinds/wireguard-device.js';
import type { WireguardPeer } from '../kinds/wireguard-peer.js';
import { familyOf } from '../model/ip.js';
import type { Resource } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';
import type { PlanDocument } from './document.js';
import { peerCommands, startupCommands } from './extension-commands.js';
import { printable } from './printable.js';

type Verb = 'add' | 'replace' | 'del';

/** POSIX shell quoting. */
const quote = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

const words = (...parts: readonly (string | number | undefined | false)[]): string =>
  parts.filter((part) => part !== undefined && part !== false && part !== '').join(' ');

const ip = (family: 4 | 6): string => (family === 6 ? 'ip -6' : 'ip');

function routeCommand(verb: Verb, r: Route): string {
  return words(
    ip(familyOf(r.dst)),
    'route',
    verb,
    r.type !== 'unicast' && r.type,
    r.dst,
    r.via && `via ${r.via}`,
    r.dev && `dev ${r.dev}`,
    r.onlink && verb !== 'del' && 'onlink',
    r.source && `src ${r.source}`,
    `proto ${r.proto}`,
    r.table !== MAIN_TABLE && `table ${r.table}`,
    r.metric !== 0 && `metric ${r.metric}`,
  );
}

function linkCommands(verb: Verb, l: Link): string[] {
  if (verb === 'del') return [`ip link del ${l.name}`];
  const settings = words(l.mac && `address ${l.mac}`, `mtu ${l.mtu}`, `alias ${quote(l.alias)}`);
  const set = `ip link set dev ${l.name} ${settings} ${l.up ? 'up' : 'down'}`;
  const { fixed, changeable } = linkWords(l);
  if (fixed === undefined) return [set];
  if (verb === 'add') return [words('ip link add', l.name, 'type', l.type, fixed, changeable), set];
  return [set, ...(changeable === '' ? [] : [`ip link set dev ${l.name} type ${l.type} ${changeable}`])];
}

/** The settings of a type of link that flan makes: what only a new one takes, and what can change. */
function linkWords({ type, fixed, underlay, local, learning }: Link): {
  readonly fixed?: string;
  readonly changeable: string;
} {
  const changeable = words(
    underlay && `dev ${underlay}`,
    local && `local ${local}`,
    learning !== undefined && (learning ? 'learning' : 'nolearning'),
  );
  if ('vni' in fixed) {
    return { fixed: words('id', fixed.vni, 'dstport', fixed.port, fixed.gbp && 'gbp'), changeable };
  }
  if (type === 'wireguard') return { fixed: '', changeable: '' };
  return 'remote' in fixed ? { fixed: `remote ${fixed.remote} nopmtudisc`, changeable } : { changeable };
}

const wireguardPeerCommand = (verb: Verb, p: WireguardPeer): string =>
  verb === 'del'
    ? words('wg set', p.dev, 'peer', p.publicKey, 'remove')
    : words(
        ...['wg set', p.dev, 'peer', p.publicKey],
        p.endpoint && `endpoint ${quote(p.endpoint)}`,
        `allowed-ips ${p.allowedIps}`,
        `persistent-keepalive ${p.keepaliveSeconds}`,
        p.presharedKey !== 'none' && 'preshared-key "$PSK_FILE"',
      );

const commandsOf: Readonly<Record<string, (verb: Verb, resource: never) => string[]>> = {
  link: linkCommands,
  address: (verb: Verb, a: LinkAddress) => [
    words(ip(familyOf(a.address)), 'address', verb, `${a.address}/${a.len}`, 'dev', a.dev),
  ],
  neighbour: (verb: Verb, n: Neighbour) => [
    words(
      ip(familyOf(n.address)),
      'neighbour',
      verb,
      n.address,
      verb !== 'del' && `lladdr ${n.mac}`,
      'dev',
      n.dev,
      verb !== 'del' && 'nud permanent',
      verb !== 'del' && `proto ${n.proto}`,
    ),
  ],
  fdb: (verb: Verb, f: FdbEntry) => [
    words('bridge fdb', verb, f.mac, 'dev', f.dev, `dst ${f.dst}`, 'self', verb !== 'del' && 'permanent'),
  ],
  route: (verb: Verb, r: Route) => [routeCommand(verb, r)],
  'wireguard-device': (verb: Verb, d: WireguardDevice) => [
    verb === 'del'
      ? words('wg set', d.dev, 'private-key /dev/null')
      : words('wg set', d.dev, `listen-port ${d.listenPort} fwmark ${d.firewallMark} private-key "$KEY_FILE"`),
  ],
  'wireguard-peer': (verb: Verb, p: WireguardPeer) => [wireguardPeerCommand(verb, p)],
  rule: (verb: Verb, r: Rule) => [
    words(
      ip(r.family),
      'rule',
      verb,
      'pref',
      r.priority,
      `from ${r.from ?? 'all'}`,
      r.to && `to ${r.to}`,
      'lookup',
      r.table,
      'protocol',
      r.proto,
    ),
  ],
  sysctl: (_verb: Verb, s: Sysctl) => [`sysctl -w ${quote(`${s.path}=${s.value}`)}`],
  offload: (_verb: Verb, o: Offload) => [words('ethtool -K', o.dev, 'tx', o.state)],
  'nft-table': (verb: Verb, t: NftTable) => [
    `printf %s ${quote(nftScript(t, verb === 'del' ? 'absent' : 'present'))} | nft -f -`,
  ],
  'extension-startup': startupCommands,
  'extension-peer': peerCommands,
  file: (verb: Verb, f: TextFile) =>
    verb === 'del' ? [`rm -f ${quote(f.path)}`] : [`printf %s ${quote(f.content)} >${quote(f.path)}`],
};

const commands = (verb: Verb, resource: Resource): string[] =>
  commandsOf[resource.kind]?.(verb, resource as never) ?? [`# ${resource.kind}: no command does this`];

/** Rules in chains of others can only be taken away by saying what they are, so both ends are needed. */
function iptablesCommands(step: Step): string[] {
  const before = step.action === 'create' ? undefined : (step.before as IptablesRules);
  const after = step.action === 'delete' ? undefined : (step.after as IptablesRules);
  const script = iptablesScript({ before, after });
  const tool = (before ?? after)?.family === 6 ? 'ip6tables-restore' : 'iptables-restore';
  return script === undefined ? [] : [`printf %s ${quote(script)} | ${tool} --noflush`];
}

function stepCommands(step: Step): string[] {
  if (step.key.startsWith('iptables-rules/')) return iptablesCommands(step);
  switch (step.action) {
    case 'create':
      return commands('add', step.after);
    case 'update':
    case 'adopt':
      return commands('replace', step.after);
    case 'replace':
      return [...commands('del', step.before), ...commands('add', step.after)];
    case 'delete':
      return commands('del', step.before);
  }
}

/** The plan as a shell script that does the same, in the order of execution. Reading matter; `apply` forks nothing. */
export const planCommands = ({ plan }: PlanDocument): string =>
  plan.steps.map((step) => [`# ${printable(step.reason)}`, ...stepCommands(step), ''].join('\n')).join('');
