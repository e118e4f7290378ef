import { describe, expect, it } from 'vitest';
import { CHECKS, diagnose } from '../../src/doctor/diagnose.js';
import type { DoctorFacts, OverlayFacts, StoreFacts } from '../../src/doctor/facts.js';
import type { HostState } from '../../src/model/host-state.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import type { Lease } from '../../src/model/lease.js';
import { keyOf } from '../../src/planner/kind.js';
import { healthy, host, hostLink, lease, NOW_MS, overlay, vxlanLink } from './healthy.js';

const DAY_MS = 86_400_000;

const withHost = (more: Partial<HostState>): DoctorFacts => healthy({ host: host(more) });
const withOverlay = (more: Partial<OverlayFacts>, facts: Partial<DoctorFacts> = {}): DoctorFacts =>
  healthy({ overlay: overlay(more), ...facts });
const withStore = (more: Partial<StoreFacts>): DoctorFacts => healthy({ store: { ...healthy().store, ...more } });
const certificate = (from: number, to: number) => ({
  certificates: [
    { what: 'client certificate /c.pem', validFromMs: NOW_MS + from * DAY_MS, validToMs: NOW_MS + to * DAY_MS },
  ],
});
const process = (name: string, sameNetns: boolean | undefined) => ({ managers: [{ pid: 9, name, sameNetns }] });
const ipv6 = {
  ...{ network: parsePrefix('fd00::/48'), subnetLen: 64 },
  ...{ subnetMin: parseAddress('fd00:0:0:1::'), subnetMax: parseAddress('fd00:0:0:ffff::') },
};
const udp = (facts: Partial<HostState>): DoctorFacts => withOverlay({ backend: 'udp' }, { host: host(facts) });
const wireguard = (facts: Partial<HostState>): DoctorFacts =>
  withOverlay({ backend: 'wireguard' }, { host: host(facts) });
/** Two WireGuard nodes of one public address, with these keys. */
const sharedAddress = (one: string, other: string, options = {}): DoctorFacts => {
  const leases = [one, other].map((PublicKey, i): Lease => {
    const { ipv4, ...rest } = lease(i + 2, '192.168.10.2');
    return { ...rest, ...(ipv4 && { ipv4: { ...ipv4, backendData: { PublicKey, Port: 51820 } } }) };
  });
  const network = { ...overlay().network, backend: { type: 'wireguard', options } };
  return withOverlay({ backend: 'wireguard', leases, network });
};
const clock = (offS: number): DoctorFacts =>
  withStore({ clock: { server: 'https://10.0.0.1', theirMs: NOW_MS, ourMs: NOW_MS + offS * 1000 } });
const kubernetes = (sysctls: Readonly<Record<string, string>>): DoctorFacts => ({
  ...withStore({ type: 'kubernetes' }),
  host: host({ sysctls: { ...host().sysctls, ...sysctls } }),
});
const env = (more: Partial<DoctorFacts['subnetEnv']>): DoctorFacts =>
  healthy({ subnetEnv: { ...healthy().subnetEnv, ...more } });
const unset = (text: string) => ({ path: '/etc/systemd/networkd.conf', text });
const networkd = (...files: readonly { path: string; text: string }[]): DoctorFacts =>
  withHost({ ...process('systemd-network', true), networkdFiles: files });
const networkManager = (text: string): DoctorFacts =>
  withHost({
    ...process('NetworkManager', true),
    networkManagerFiles: [{ path: '/etc/NetworkManager/conf.d/a.conf', text }],
  });
const zone = (source: string, target = ' target="ACCEPT"') => ({
  ...process('firewalld', true),
  firewalldZones: [{ path: '/etc/firewalld/zones/a.xml', text: `<zone${target}><source address="${source}"/></zone>` }],
});
const strict = { sysctls: { ...host().sysctls, 'net/ipv4/conf/eth0/rp_filter': '1' } };
const elsewhere = [{ peer: 'node-b', address: parseAddress('192.168.10.2'), dev: 'eth1' }];
const withTrouble = (code: string): DoctorFacts =>
  healthy({ overlay: undefined, trouble: { code, message: 'it does not work', hint: 'Make it work.' } });

/** What is looked at, and the findings of it, as `error CODE` and so on. */
const TABLE: readonly (readonly [check: string, what: string, facts: DoctorFacts, findings: readonly string[]])[] = [
  ['store', 'that refuses', withTrouble('E_STORE_AUTH'), ['error E_STORE_AUTH']],
  ['store', 'without a network config', withTrouble('E_NETWORK_MISSING'), ['error E_NETWORK_MISSING']],
  ['store', 'trouble that is not its own', withTrouble('E_IFACE'), []],
  ['plan', 'that cannot be made', withTrouble('E_IFACE'), ['error E_IFACE']],
  ['plan', 'that overlaps the underlay', withTrouble('E_NETWORK_OVERLAP'), ['error E_NETWORK_OVERLAP']],
  [
    'plan',
    'warnings',
    withOverlay({ warnings: [{ code: 'W_NETWORK_OVERLAP', message: 'm' }] }),
    ['warning W_NETWORK_OVERLAP'],
  ],
  [
    'plan',
    'a bad lease',
    withOverlay({ quarantined: [{ entry: 'e', code: 'E_LEASE', message: 'm' }] }),
    ['warning E_LEASE'],
  ],
  ['plan', 'foreign objects', withOverlay({ conflicts: [keyOf('link', 'flannel.1')] }), ['error E_CONFLICT']],
  ['certificates', 'that expired', withStore(certificate(-90, -1)), ['error D_CERT_EXPIRED']],
  ['certificates', 'that expires now', withStore(certificate(-90, 0)), ['error D_CERT_EXPIRED']],
  ['certificates', 'that expire in 13 days', withStore(certificate(-90, 13)), ['warning D_CERT_EXPIRES']],
  ['certificates', 'that expire in 15 days', withStore(certificate(-90, 15)), []],
  ['certificates', 'of tomorrow', withStore(certificate(1, 90)), ['error D_CERT_NOT_YET']],
  ['clock', 'a second off', clock(1), []],
  ['clock', 'half a minute ahead', clock(30), ['warning D_CLOCK']],
  ['clock', 'half a minute behind', clock(-30), ['warning D_CLOCK']],
  ['clock', 'an hour behind', clock(-3600), ['error D_CLOCK']],
  [
    'public addresses',
    'twice',
    withOverlay({ leases: [lease(1), lease(2), lease(3, '192.168.10.2')] }),
    ['error D_PUBLIC_IP_TWICE'],
  ],
  ['public addresses', 'twice, of one key', sharedAddress('K', 'K'), ['error D_PUBLIC_IP_TWICE']],
  ['public addresses', 'twice, of two keys', sharedAddress('K', 'L'), ['warning D_PUBLIC_IP_TWICE']],
  ['public addresses', 'twice, kept alive', sharedAddress('K', 'L', { PersistentKeepaliveInterval: 25 }), []],
  ['capabilities', 'none', withHost({ capabilities: [] }), ['warning D_CAPABILITY']],
  [
    'capabilities',
    'too few for another namespace',
    { ...withHost({ capabilities: ['CAP_NET_ADMIN'] }), netns: 'blue' },
    ['warning D_CAPABILITY'],
  ],
  ['kernel modules', 'without vxlan, in use', withHost({ modules: { vxlan: 'absent' } }), []],
  [
    'kernel modules',
    'without vxlan',
    withOverlay({ links: [] }, { host: host({ modules: { vxlan: 'absent' } }) }),
    ['error D_MODULE_MISSING'],
  ],
  ['kernel modules', 'without WireGuard', wireguard({ modules: { wireguard: 'absent' } }), ['error D_MODULE_MISSING']],
  [
    'kernel modules',
    'with wireguard-go',
    wireguard({ modules: { wireguard: 'absent' }, programs: ['wireguard-go'] }),
    [],
  ],
  [
    'kernel modules',
    'without ESP',
    withOverlay({ backend: 'ipsec' }, { host: host({ modules: { esp4: 'absent' } }) }),
    ['error D_MODULE_MISSING'],
  ],
  ['kernel modules', 'without tun', udp({ devices: [] }), ['error D_TUN_MISSING']],
  ['kernel modules', 'with tun', udp({}), []],
  [
    'UDP ports',
    'held by another',
    withOverlay({ sockets: [{ port: 8472, family: 4, inode: 1, owner: { pid: 3, name: 'dnsmasq' } }] }),
    ['error D_PORT_TAKEN'],
  ],
  [
    'UDP ports',
    'held by flan',
    withOverlay({ sockets: [{ port: 8472, family: 4, inode: 1, owner: { pid: 3, name: 'flan' } }] }),
    [],
  ],
  [
    'UDP ports',
    'held by charon',
    withOverlay({
      ports: [{ port: 500, what: 'charon' }],
      sockets: [{ port: 500, family: 4, inode: 1, owner: { pid: 3, name: 'charon' } }],
    }),
    [],
  ],
  [
    'UDP ports',
    'another port of another',
    withOverlay({ sockets: [{ port: 53, family: 4, inode: 1, owner: { pid: 3, name: 'dnsmasq' } }] }),
    [],
  ],
  [
    'UDP ports',
    'another device with our VNI',
    withOverlay({ vxlans: [{ name: 'vx0', vni: 1, port: 8472 }] }),
    ['error D_VNI_TAKEN'],
  ],
  ['UDP ports', 'another device with another VNI', withOverlay({ vxlans: [{ name: 'vx0', vni: 2, port: 8472 }] }), []],
  ['MTU', 'of the device too big', withOverlay({ devices: [vxlanLink({ mtu: 1400 })] }), ['error D_MTU_DEVICE']],
  [
    'MTU',
    'of the bridge too big',
    withOverlay({ links: [hostLink('cni0', '10.244.1.1/24')] }),
    ['warning D_MTU_BRIDGE'],
  ],
  ['MTU', 'of a bridge that is not the pods’', withOverlay({ links: [hostLink('br0', '172.17.0.1/16')] }), []],
  ['MTU', 'written too big', env({ mtu: 1500 }), ['error D_MTU_WRITTEN']],
  ['MTU', 'written too small', env({ mtu: 1400 }), ['warning D_MTU_WRITTEN']],
  [
    'MTU',
    'too small for IPv6 inside',
    withOverlay(
      { network: { ...overlay().network, ipv6 }, mtu: [{ family: 4, dev: 'eth0', underlay: 1280, overhead: 50 }] },
      { subnetEnv: { path: '/e', state: 'missing', values: { networks: [] } } },
    ),
    ['error D_MTU_IPV6', 'warning D_MTU_BRIDGE'],
  ],
  ['subnet.env', 'missing', env({ state: 'missing' }), ['error D_SUBNET_ENV']],
  ['subnet.env', 'unreadable', env({ state: 'unreadable' }), ['error D_SUBNET_ENV']],
  ['subnet.env', 'for its owner alone', env({ mode: 0o600 }), ['warning D_SUBNET_ENV_MODE']],
  [
    'subnet.env',
    'of an earlier lease',
    env({ values: { networks: [], ipv4: parsePrefix('10.244.9.0/24') } }),
    ['error D_SUBNET_ENV_STALE'],
  ],
  ['forwarding', 'off', withHost({ sysctls: { 'net/ipv4/ip_forward': '0' } }), ['error D_FORWARDING_OFF']],
  ['reverse path filter', 'strict', withHost(strict), []],
  [
    'reverse path filter',
    'strict, and another way to a peer',
    withOverlay({ elsewhere }, { host: host(strict) }),
    ['warning D_RP_FILTER'],
  ],
  [
    'reverse path filter',
    'loose everywhere, strict here',
    withOverlay({ elsewhere }, { host: host({ sysctls: { ...strict.sysctls, 'net/ipv4/conf/all/rp_filter': '2' } }) }),
    [],
  ],
  [
    'reverse path filter',
    'strict on the tunnel, with DirectRouting',
    withOverlay(
      { network: { ...overlay().network, backend: { type: 'vxlan', options: { directRouting: true } } } },
      { host: host({ sysctls: { ...host().sysctls, 'net/ipv4/conf/flannel.1/rp_filter': '1' } }) },
    ),
    ['warning D_RP_FILTER'],
  ],
  ['bridge netfilter', 'not loaded', kubernetes({}), ['warning D_BR_NETFILTER']],
  ['bridge netfilter', 'off', kubernetes({ 'net/bridge/bridge-nf-call-iptables': '0' }), ['warning D_BRIDGE_NF']],
  ['bridge netfilter', 'on', kubernetes({ 'net/bridge/bridge-nf-call-iptables': '1' }), []],
  ['bridge netfilter', 'not loaded, and nobody needs it', healthy(), []],
  ['flanneld', 'here', withHost(process('flanneld', true)), ['error D_FLANNELD_RUNNING']],
  ['flanneld', 'who knows where', withHost(process('flanneld', undefined)), ['warning D_FLANNELD_RUNNING']],
  ['flanneld', 'in another namespace', withHost(process('flanneld', false)), []],
  ['systemd-networkd', 'with its defaults', networkd(), ['warning D_NETWORKD_ROUTES']],
  ['systemd-networkd', 'told not to', networkd(unset('[Network]\nManageForeignRoutes=no\n')), []],
  [
    'systemd-networkd',
    'told in the wrong section',
    networkd(unset('[DHCPv4]\nManageForeignRoutes=no\n')),
    ['warning D_NETWORKD_ROUTES'],
  ],
  ['systemd-networkd', 'in another namespace', withHost(process('systemd-network', false)), []],
  ['NetworkManager', 'with its defaults', networkManager(''), ['warning D_NETWORK_MANAGER']],
  ['NetworkManager', 'told not to', networkManager('[keyfile]\nunmanaged-devices=mac:1;interface-name:flannel*\n'), []],
  [
    'NetworkManager',
    'told about another',
    networkManager('[keyfile]\nunmanaged-devices=interface-name:cali*\n'),
    ['warning D_NETWORK_MANAGER'],
  ],
  ['firewalld', 'with its defaults', withHost(process('firewalld', true)), ['warning D_FIREWALLD']],
  ['firewalld', 'told to let the network through', withHost(zone('10.244.0.0/16')), []],
  ['firewalld', 'told to let a wider network through', withHost(zone('10.0.0.0/8')), []],
  ['firewalld', 'told to let part of it through', withHost(zone('10.244.1.0/24')), ['warning D_FIREWALLD']],
  ['firewalld', 'with a zone that does not accept', withHost(zone('10.244.0.0/16', '')), ['warning D_FIREWALLD']],
  [
    'leftovers',
    'rules of the other filter',
    withOverlay({ leftRules: [keyOf('nft-table', 'ip', 'flannel-ipv4')] }),
    ['warning D_RULES_LEFT'],
  ],
  [
    'leftovers',
    'rules of an old flanneld',
    withOverlay({
      iptables: [
        '-A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE',
        '-A FORWARD -s 10.0.0.0/8 -j ACCEPT',
      ],
    }),
    ['warning D_RULES_OLD'],
  ],
  [
    'leftovers',
    'rules like those of an old flanneld',
    withOverlay({
      iptables: [
        '-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "mine" -j MASQUERADE',
        '-A FORWARD -i eth0 -s 10.244.0.0/16 -j ACCEPT',
        '-A FORWARD -s 10.244.0.0/16 -j DROP',
        '-A POSTROUTING -s 10.245.0.0/16 -j RETURN',
      ],
    }),
    [],
  ],
  ['leftovers', 'a device of another backend', withOverlay({ devices: [] }), ['warning D_DEVICE_LEFT']],
  [
    'flan watch',
    'missing where it must run',
    withOverlay({ needsWatch: true, backend: 'udp' }, { lock: {} }),
    ['error D_NO_WATCH'],
  ],
  ['flan watch', 'missing where it need not', healthy({ lock: {} }), []],
];

const findingsOf = (facts: DoctorFacts, check: string): readonly string[] =>
  diagnose(facts)
    .findings.filter((finding) => finding.check === check)
    .map(({ severity, code }) => `${severity} ${code}`);

describe('doctor', () => {
  it('finds nothing on a host where nothing is wrong', () => {
    expect(diagnose(healthy()).findings).toEqual([]);
  });

  for (const [check, what, facts, findings] of TABLE) {
    it(`${check}: ${what}`, () => {
      expect(findingsOf(facts, check)).toEqual(findings);
    });
  }

  it('has every check in the table, and one that finds something but for the lock', () => {
    const finding = new Set(TABLE.filter(([, , , findings]) => findings.length > 0).map(([check]) => check));
    expect(CHECKS.map(({ name }) => name).filter((name) => !finding.has(name))).toEqual(['lock']);
  });

  it('says to everything what it is and what to do', () => {
    for (const [, , facts] of TABLE) {
      for (const { code, what, fix } of diagnose(facts).findings) {
        expect(code).toMatch(/^[DEW]_[A-Z0-9_]+$/);
        expect(what).not.toMatch(/undefined|NaN|\[object|^$/);
        expect(fix).toMatch(/^[A-Z].*[.)]$|^Make it work\.$/s);
      }
    }
  });

  it('advises no other port where the protocol says which one', () => {
    const fixOf = (chosenBy: { readonly chosenBy?: 'protocol' }) => {
      const ports = [{ port: 500, what: 'charon', ...chosenBy }];
      const sockets = [{ port: 500, family: 4, inode: 1, owner: { pid: 3, name: 'racoon' } }] as const;
      return diagnose(withOverlay({ ports, sockets })).findings.map(({ fix }) => fix);
    };
    expect(fixOf({ chosenBy: 'protocol' })).toEqual([
      'Stop racoon or give it another port: peers expect charon on this one.',
    ]);
    expect(fixOf({})).toEqual([expect.stringContaining('choose another port in the network config')]);
  });

  it('puts errors before warnings', () => {
    const { findings } = diagnose({
      ...withTrouble('E_STORE_AUTH'),
      host: host({ ...process('flanneld', true), capabilities: [] }),
    });
    expect(findings.map(({ severity }) => severity)).toEqual(['error', 'error', 'warning']);
  });
});
