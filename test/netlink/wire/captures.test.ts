import { describe, expect, test } from 'vitest';
import { decodeAddress, writeAddressMessage } from '../../../src/netlink/wire/address.js';
import { decodeFdb, writeFdb } from '../../../src/netlink/wire/fdb.js';
import { eachMessage } from '../../../src/netlink/wire/frame.js';
import { decodeLink, writeLink } from '../../../src/netlink/wire/link.js';
import { writeNd } from '../../../src/netlink/wire/nd.js';
import { decodeNeighbour } from '../../../src/netlink/wire/neighbour.js';
import { decodeRoute, writeRoute } from '../../../src/netlink/wire/route.js';
import { decodeRule, writeRule } from '../../../src/netlink/wire/rule.js';
import { Writer } from '../../../src/netlink/wire/writer.js';
import { capture, captureNames, type Nests, sortedAttributes } from './captures.js';

interface Family {
  /** Bytes of the structure in front of the attributes. */
  readonly headerBytes: number;
  readonly nests?: Nests;
  readonly again: (writer: Writer, bytes: Uint8Array, offset: number, length: number) => void;
}

const route: Family = { headerBytes: 12, nests: { 8: {} }, again: (w, ...at) => writeRoute(w, decodeRoute(...at)) };
const rule: Family = { headerBytes: 12, again: (w, ...at) => writeRule(w, decodeRule(...at)) };
const neighbour: Family = {
  headerBytes: 12,
  again: (w, ...at) => {
    const message = decodeNeighbour(...at);
    writeNd(w, { af: message.af }, message);
  },
};
const link: Family = {
  headerBytes: 16,
  nests: { 18: { 2: {} } },
  again: (w, ...at) => writeLink(w, decodeLink(...at)),
};
const FAMILIES: Readonly<Record<string, Family>> = {
  link,
  'link-ipip': link,
  address: { headerBytes: 8, again: (w, ...at) => writeAddressMessage(w, decodeAddress(...at)) },
  route4: route,
  route6: route,
  neighbour4: neighbour,
  neighbour6: neighbour,
  fdb: { headerBytes: 12, again: (w, ...at) => writeFdb(w, decodeFdb(...at)) },
  rule4: rule,
  rule6: rule,
};

test('every capture has a family', () => {
  expect(captureNames().sort()).toEqual(Object.keys(FAMILIES).sort());
});

describe.each(Object.entries(FAMILIES))('what the kernel said of %s', (name, { headerBytes, nests, again }) => {
  test('is what decoding and writing makes of it', () => {
    const messages = capture(name);
    expect(messages.length).toBeGreaterThan(0);
    for (const bytes of messages) {
      eachMessage(bytes, bytes.length, ({ offset, length }) => {
        const writer = new Writer(64);
        again(writer, bytes, offset, length);
        const [before, after] = [bytes.subarray(offset, offset + length), writer.written()];
        const header = (payload: Uint8Array) => Buffer.from(payload.subarray(0, headerBytes)).toString('hex');
        expect(header(after)).toBe(header(before));
        expect(sortedAttributes(after.subarray(headerBytes), nests)).toEqual(
          sortedAttributes(before.subarray(headerBytes), nests),
        );
      });
    }
  });
});

test('the captures say what their commands asked for', () => {
  const all = <T>(name: string, decode: (bytes: Uint8Array, offset: number, length: number) => T): T[] =>
    capture(name).map((bytes) => decode(bytes, 16, bytes.length - 16));
  const routes = new Map(
    [...all('route4', decodeRoute), ...all('route6', decodeRoute)].map((r) => [`${r.dst} ${r.table}`, r]),
  );
  expect(routes.get('10.5.1.0/24 254')).toMatchObject({ via: '192.168.77.2', protocol: 70, type: 1 });
  expect(routes.get('0.0.0.0/0 1000')).toMatchObject({ via: '192.168.77.3', priority: 50 });
  expect(routes.get('10.5.2.0/24 254')).toMatchObject({ onlink: true, prefsrc: '192.168.77.1' });
  expect(routes.get('10.5.3.0/24 254')).toMatchObject({ mtu: 1400, tos: 16, via: undefined });
  expect(routes.get('10.5.4.0/24 254')).toMatchObject({ mtu: 1400 });
  expect(routes.get('10.5.5.0/24 254')).toMatchObject({ via: 'fe80::9' });
  expect(routes.get('10.5.6.0/24 254')?.nexthops).toMatchObject([{ via: '192.168.77.2', weight: 1 }, { weight: 200 }]);
  expect(routes.get('10.5.7.0/24 254')).toMatchObject({ type: 6, oif: undefined });
  expect(routes.get('10.5.8.0/24 254')).toMatchObject({ type: 7, priority: 4_278_198_272 });
  expect(routes.get('::/0 1000')).toMatchObject({ via: 'fe80::3', priority: 50 });
  expect(routes.get('fd00:5:2::/64 254')).toMatchObject({ mtu: 1400 });
  expect(routes.get('fd00:5:4::/64 254')).toMatchObject({ src: 'fd00:9::/64' });

  const links = new Map(all('link', decodeLink).map((link) => [link.name, link]));
  const vxlan = { vni: 1, port: 8472, local: '192.168.77.1', learning: false, underlay: links.get('va')?.index };
  expect(links.get('flannel.1')).toMatchObject({ mtu: 1450, mac: '0e:2a:11:22:33:44', alias: 'flan', info: { vxlan } });
  expect(links.get('vb')).toMatchObject({
    master: links.get('br0')?.index,
    info: { kind: 'veth', slaveKind: 'bridge' },
  });
  expect(links.get('tun0')).toMatchObject({ info: { kind: 'tun' } });
  expect(links.get('tun0')?.mac).toBeUndefined();

  const tunnels = new Map(all('link-ipip', decodeLink).map((tunnel) => [tunnel.name, tunnel]));
  const shown = (name: string) => tunnels.get(name)?.info?.ipip;
  expect(tunnels.get('flannel.ipip')).toMatchObject({ hardware: 768, mtu: 1480, alias: 'flan' });
  // Its hardware address is an IPv4 address.
  expect(tunnels.get('flannel.ipip')?.mac).toBeUndefined();
  expect(shown('flannel.ipip')).toMatchObject({ local: '192.168.77.1', remote: '0.0.0.0', pathMtuDiscovery: false });
  expect(shown('t1')).toMatchObject({ remote: '192.168.77.2', ttl: 64, tos: 16, pathMtuDiscovery: true });
  expect(shown('t2')).toMatchObject({ collectMetadata: true });
  expect(shown('t3')).toMatchObject({ local: '192.168.77.3', firewallMark: 7 });

  const addresses = all('address', decodeAddress).map(({ local, address, label }) => [local, address, label]);
  expect(addresses).toContainEqual(['192.168.77.1', '192.168.77.1', 'va']);
  expect(addresses).toContainEqual(['10.1.1.1', '10.1.1.2', 'va:1']);
  expect(addresses).toContainEqual([undefined, 'fd00::1', undefined]);

  expect(all('neighbour4', decodeNeighbour).map((n) => n.fields())).toMatchObject([
    { dst: '10.5.1.0', mac: '0e:00:00:00:00:01', protocol: 70, state: 0x80, flags: 0x10 },
  ]);
  const forward = all('fdb', decodeFdb).find((entry) => entry.mac === '0e:00:00:00:00:01');
  expect(forward?.fields()).toMatchObject({ dst: '192.168.77.7', port: 4789, vni: 9, through: links.get('va')?.index });

  const rules = new Map(all('rule4', decodeRule).map((r) => [r.priority, r]));
  expect(rules.get(100)).toMatchObject({
    src: '10.5.0.0/16',
    dst: '10.6.0.0/16',
    mark: 16,
    markMask: 255,
    table: 1000,
  });
  expect(rules.get(101)).toMatchObject({ iif: 'va', oif: 'br0', tos: 16, table: 200 });
  expect(rules.get(102)).toMatchObject({ action: 6, ipProtocol: 6 });
  expect(rules.get(104)).toMatchObject({ goto: 32766 });
});
