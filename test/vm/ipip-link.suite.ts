import { expect } from 'vitest';
import { parseAddress } from '../../src/model/ip.js';
import { findLink } from '../../src/netlink/dumps.js';
import { addLink, setLink } from '../../src/netlink/wire/link.js';
import { commandSocket } from '../netlink/support.js';
import { kernelTest } from '../support/kernel.js';

const address = (text: string) => parseAddress(text);

kernelTest('an ipip link reads back as it was made', { needs: ['ipip'] }, async (context) => {
  const socket = commandSocket(context);
  const ipip = { local: address('192.0.2.2'), remote: address('0.0.0.0'), pathMtuDiscovery: true };
  socket.perform(addLink({ name: 'flannel.ipip', info: { kind: 'ipip', ipip } }));
  expect(findLink(socket, { name: 'flannel.ipip' })).toMatchObject({ info: { kind: 'ipip', ipip } });
});

kernelTest('its local address changes in place', { needs: ['ipip'] }, async (context) => {
  const socket = commandSocket(context);
  const remote = address('0.0.0.0');
  socket.perform(
    addLink({ name: 't0', mtu: 1400, info: { kind: 'ipip', ipip: { local: address('192.0.2.2'), remote } } }),
  );
  const before = findLink(socket, { name: 't0' });
  socket.perform(setLink({ name: 't0', info: { kind: 'ipip', ipip: { local: address('192.0.2.3') } } }));
  const after = findLink(socket, { name: 't0' });
  expect(after).toMatchObject({
    index: before?.index,
    mtu: before?.mtu,
    info: { ipip: { local: '192.0.2.3', remote } },
  });
});
