import { parseAddress } from '../../src/model/ip.js';
import { CommandSocket } from '../../src/netlink/command.js';
import { findLink } from '../../src/netlink/dumps.js';
import { addressRequest } from '../../src/netlink/wire/address.js';
import { IFF_UP } from '../../src/netlink/wire/constants.js';
import { addLink, setLink } from '../../src/netlink/wire/link.js';
import { vethInfo } from '../../src/netlink/wire/veth.js';
import type { KernelContext } from '../support/kernel.js';
import type { TestNetns } from '../support/netns.js';

/** A command socket in the test's namespace, closed with it. */
export function commandSocket({ netns, onEnd }: Pick<KernelContext, 'onEnd'> & { netns: TestNetns }): CommandSocket {
  const socket = CommandSocket.open({ netns: netns.name });
  onEnd(() => socket.close());
  return socket;
}

/** The index of a link that must be there. */
export function indexOf(socket: CommandSocket, name: string): number {
  const link = findLink(socket, { name });
  if (link === undefined) throw new Error(`no link ${name}`);
  return link.index;
}

/** A veth pair v0/v1 with both ends up, v0 with 192.168.77.1/24. @returns the index of v0 */
export function makeVeth(socket: CommandSocket): number {
  socket.perform(addLink({ name: 'v0', info: vethInfo({ name: 'v1' }) }));
  for (const name of ['v0', 'v1']) socket.perform(setLink({ name, flags: IFF_UP, change: IFF_UP }));
  const index = indexOf(socket, 'v0');
  const local = parseAddress('192.168.77.1');
  socket.perform(addressRequest('add', { family: 4, len: 24, index, local, address: local }));
  return index;
}
