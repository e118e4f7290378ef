import { expect, it } from 'vitest';
import { linkOf } from '../../src/drivers/netlink/link.js';
import { Links } from '../../src/drivers/netlink/links.js';
import type { Link } from '../../src/kinds/link.js';
import { decodeLink } from '../../src/netlink/wire/link.js';
import { capture } from '../netlink/wire/captures.js';

const links = new Links();
links.replaceAll(capture('link-ipip').map((bytes) => decodeLink(bytes, 16, bytes.length - 16)));
const named = (name: string): Link | undefined => {
  const message = links.byName(name);
  return message && linkOf(message, links);
};

it('reads the device that flannel makes as the one that is wanted', () => {
  expect(named('flannel.ipip')).toEqual({
    ...{ kind: 'link', name: 'flannel.ipip', type: 'ipip', mtu: 1480, alias: 'flan', up: true, local: '192.168.77.1' },
    fixed: { remote: 'any', extras: [] },
  });
});

it.each([
  ['t1', { remote: '192.168.77.2', extras: ['ttl 64', 'tos 16', 'pmtudisc'] }],
  ['t3', { remote: 'any', extras: ['pmtudisc', 'fwmark 7'] }],
])('says how %s differs from it', (name, fixed) => {
  expect(named(name)).toMatchObject({ type: 'ipip', fixed });
});

it('says of a device without ends of its own that it is one', () => {
  expect(named('t2')?.fixed).toMatchObject({ extras: expect.arrayContaining(['external']) });
});

it('reads the fallback device of the kernel as nobody’s', () => {
  // `tunl0` comes with the module: local and remote any, and neither up nor marked.
  expect(named('tunl0')).toMatchObject({ type: 'ipip', alias: '', up: false, local: '0.0.0.0' });
});
