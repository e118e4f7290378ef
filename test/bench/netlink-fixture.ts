import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatIPv4, type Prefix, parseAddress } from '../../src/model/ip.js';
import { CommandSocket } from '../../src/netlink/command.js';
import { findLink } from '../../src/netlink/dumps.js';
import type { RouteFields } from '../../src/netlink/wire/route.js';
import { makeNetns, type TestNetns } from '../support/netns.js';

export const PROTOCOL = 70;
const GATEWAY = parseAddress('192.168.77.2');

/** A namespace with a veth pair up, to put routes into; and a directory for files. */
export interface RouteBench {
  readonly netns: TestNetns;
  readonly socket: CommandSocket;
  readonly gateway: string;
  readonly oif: number;
  readonly dir: string;
  /** `count` /28 routes through one gateway, as typed values. */
  routes(count: number): readonly RouteFields[];
  /** The same as a file for `ip -batch`. */
  batchFile(count: number): string;
  /** Takes all the routes away: they leave with the link. */
  clear(): void;
  close(): void;
}

export function openRouteBench(): RouteBench {
  const netns = makeNetns('bench');
  const ip = (words: string) => execFileSync('ip', ['-n', netns.name, ...words.split(' ')]);
  ip('link add va type veth peer name vb');
  ip('link set vb up');
  ip('link set va up');
  ip('address add 192.168.77.1/24 dev va');
  const socket = CommandSocket.open({ netns: netns.name });
  const oif = findLink(socket, { name: 'va' })?.index ?? 0;
  const dir = mkdtempSync(join(tmpdir(), 'flan-bench-'));
  const dst = (i: number): Prefix => `${formatIPv4(0x0a000000 + i * 16)}/28` as Prefix;
  return {
    netns,
    socket,
    gateway: GATEWAY,
    oif,
    dir,
    routes: (count) =>
      Array.from({ length: count }, (_, i) => ({ dst: dst(i), via: GATEWAY, oif, protocol: PROTOCOL })),
    batchFile(count) {
      const path = join(dir, `routes-${count}`);
      const lines = Array.from(
        { length: count },
        (_, i) => `route add ${dst(i)} via ${GATEWAY} dev va proto ${PROTOCOL}`,
      );
      writeFileSync(path, `${lines.join('\n')}\n`);
      return path;
    },
    clear() {
      ip('link set va down');
      ip('link set va up');
    },
    close() {
      socket.close();
      netns.close();
      rmSync(dir, { recursive: true });
    },
  };
}
